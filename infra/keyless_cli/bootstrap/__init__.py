"""Google's half of `cdk bootstrap`: the identity as which deployments work on Google."""
