"""The rest that this cloud holds in memory: audit log, quotas, operations, and resources that are documents."""
