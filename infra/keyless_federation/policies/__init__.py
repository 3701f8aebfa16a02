"""IAM policies: what a federation grants where, and the changes that bring each policy to it."""
