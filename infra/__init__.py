"""What `cdk deploy` makes: settings, constructs and stacks, and Google's half of the bootstrap."""
