"""CloudFormation, where MiniStack falls short of it."""
