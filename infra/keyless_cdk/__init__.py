"""The constructs that a CDK app imports."""
