"""`keyless COMMAND ...`: one entry point. A command's module is imported when it is asked for.

Exit codes: 0 all is well, 1 a finding or a refusal, 2 wrong usage; a command's help names any others.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

WRONG_USAGE = 2
EXEC = "usage: keyless exec -- PROGRAM [ARGUMENT ...]"


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does, in a line, and the module whose `main(words)` returns its exit code."""

    summary: str
    module: str


COMMANDS = {
    "bootstrap": Command("make the identity as which deployments work on Google", "keyless_cli.bootstrap.command"),
    "plan": Command("show what a deployment would change on Google", "keyless_cli.plan"),
    "conditions": Command(
        "show whom a provider admits, and which clause keeps a role out", "keyless_cli.conditions.command"
    ),
    "doctor": Command("examine a deployed function: which link of its chain is broken", "keyless_cli.doctor.command"),
    "exec": Command("run a program with credentials for Google that renew themselves", "keyless.exec.command"),
}


def main(words: Sequence[str]) -> int:
    """Run the command that `words` name; return its exit code."""
    name, *rest = words or ("",)
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        print(f"keyless: there is no command {name!r}\n" if name else "", usage(), sep="", file=sys.stderr)
        return WRONG_USAGE
    if name == "exec" and rest[:1] in (["-h"], ["--help"]):  # whatever else follows is the program's own
        print(EXEC)
        return 0
    code: int | None = import_module(COMMANDS[name].module).main(rest)
    if code is None:
        print(EXEC, file=sys.stderr)
        return WRONG_USAGE
    return code


def usage() -> str:
    """Return the text of `keyless --help`."""
    listed = (f"  {name:<12}{command.summary}" for name, command in COMMANDS.items())
    return "\n".join(
        ["usage: keyless COMMAND ...", "", *listed, "", "`keyless COMMAND --help` tells a command's options."]
    )


def run() -> None:
    """Be the program `keyless`."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
