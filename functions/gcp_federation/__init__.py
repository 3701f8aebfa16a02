"""Google's half of the trust, as a CloudFormation custom resource: desired state, reconciled."""
