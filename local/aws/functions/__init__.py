"""Lambda functions: environments that run them with Lambda's own runtime client, their layers and logs."""
