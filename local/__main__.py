"""`python -m local aws|google ...`: one local cloud in the foreground, on loopback."""

import sys
from importlib import import_module

SERVERS = {"aws": "local.aws.server", "google": "local.google.server"}


def main(argv: list[str]) -> None:
    """Hand the rest of the command line to the named cloud."""
    if not argv or argv[0] not in SERVERS:
        raise SystemExit("usage: python -m local {aws|google} --port N ...")
    import_module(SERVERS[argv[0]]).main(argv[1:])


main(sys.argv[1:])
