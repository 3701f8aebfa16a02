"""A call over HTTP, whatever its API: body, token, quota, audit entry, and a policy's three methods."""
