"""`python -m local COMMAND ...`: the local clouds, one at a time or the whole path, and what their tests need."""

import sys
from importlib import import_module

COMMANDS = {
    "aws": "local.aws.server:main",
    "google": "local.google.command:main",
    "demo": "local.demo:main",
    "up": "local.up:up_command",
    "down": "local.up:down_command",
    "invoke": "local.invoke:main",
    "send": "local.send:main",
    "terraform": "local.terraform:main",
}


def main(argv: list[str]) -> None:
    """Hand the rest of the command line to the named command."""
    if not argv or argv[0] not in COMMANDS:
        raise SystemExit(f"usage: python -m local {{{'|'.join(COMMANDS)}}} ...")
    module, function = COMMANDS[argv[0]].split(":")
    getattr(import_module(module), function)(argv[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
