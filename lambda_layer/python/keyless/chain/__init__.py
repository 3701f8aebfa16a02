"""The chain: from a signed AWS request to a cached Google token."""
