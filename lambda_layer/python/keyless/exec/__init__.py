"""`python -m keyless exec -- COMMAND`: any command, with any Google client library, without a key.

The process becomes the command (`command`), so that signals, terminal and exit code are the command's own. Beside it
runs a daemon (`daemon`) that has proven the chain, serves the current AWS credentials on loopback in the forms that
Google's libraries and AWS's SDKs read (`metadata`), and ends with the command. `credential_file` and
`command_environment` tell the command about it.
"""
