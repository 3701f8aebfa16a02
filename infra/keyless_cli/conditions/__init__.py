"""`keyless conditions`: which callers a provider admits, and which clause keeps a caller out."""
