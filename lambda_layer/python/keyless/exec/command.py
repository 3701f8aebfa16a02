"""The command line of `exec`: start the daemon, then become the command."""

import os
import signal
import sys
from collections.abc import Sequence

from keyless.config import Config
from keyless.errors import KeylessError
from keyless.exec import daemon
from keyless.exec.command_environment import conflicting_profiles, environment

FAILED = 125
"""The fault is not the command's; the same code as that of env, timeout and docker."""

CANNOT_RUN = 126
NOT_FOUND = 127
INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str]) -> int | None:
    """Become the command that the arguments hold, after an optional `--`.

    Returns only when that fails: None when there is no command, else an exit code, the reason having been said.
    """
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command or (command[0].startswith("-") and arguments[0] != "--"):
        return None
    if not command[0]:
        _say("the name of the command is empty")
        return NOT_FOUND
    try:
        config = Config.require(os.environ)
        served = daemon.start(config, os.environ)
    except KeylessError as error:
        _say(str(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    for variable in conflicting_profiles(os.environ):
        _say(f"{variable}'s file is hidden from the command: its [default] would win over the environment's keys.")
    return _become(command, environment(os.environ, config.project, served))


def _become(command: list[str], environ: dict[str, str]) -> int:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606 -- a shell is what is not wanted
    except (FileNotFoundError, NotADirectoryError) as error:
        _say(f"{command[0]}: {error.strerror}")
        return NOT_FOUND
    except OSError as error:
        _say(f"{command[0]}: {error.strerror}")
        return CANNOT_RUN


def _say(words: str) -> None:
    print(f"keyless exec: {words}", file=sys.stderr, flush=True)
