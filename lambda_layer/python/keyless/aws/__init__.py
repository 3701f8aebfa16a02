"""AWS credentials, from wherever the environment has them."""
