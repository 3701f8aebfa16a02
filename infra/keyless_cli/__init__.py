"""The command `keyless`."""
