"""A local Google Cloud: STS, IAM, IAM Credentials, Resource Manager, Service Usage and BigQuery on one port."""
