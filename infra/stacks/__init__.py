"""The example app: stacks of the constructs. Not part of the package."""
