"""`python -m keyless`: the command line.

Importing begins no exchange here, not even on Lambda: a command makes its own.
"""

import sys
from collections.abc import Callable, Mapping, Sequence

from keyless.doctor.command import main as examine
from keyless.exec.command import main as execute

USAGE = """\
usage: python -m keyless doctor [--json] [--verbose] [--table PROJECT.DATASET.TABLE]
       python -m keyless exec -- COMMAND [ARGUMENT ...]

  doctor  go down the chain from here to Google and say which link is broken, why, and what to do
  exec    run COMMAND with credentials for Google that renew themselves, for any Google client library
"""
WRONG_USAGE = 2

COMMANDS: Mapping[str, Callable[[Sequence[str]], int | None]] = {"doctor": examine, "exec": execute}
"""Each takes its arguments and returns an exit code, or None when the arguments are not of its form."""


def main(arguments: Sequence[str]) -> int:
    """Run the command that the arguments name; return the exit code."""
    name, *rest = arguments or ("",)
    if {"-h", "--help"} & {name, *(rest[:1] if name == "exec" else ())}:
        print(USAGE, end="")
        return 0
    code = COMMANDS[name](rest) if name in COMMANDS else None
    if code is None:
        print(USAGE, end="", file=sys.stderr)
        return WRONG_USAGE
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
