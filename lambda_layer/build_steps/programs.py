"""The programs that a build runs, and the one error that it ends with."""

import subprocess
from collections.abc import Mapping
from pathlib import Path


class BuildError(Exception):
    """The layer could not be built as it should be; the message says what is wrong and what to do."""


def run(*command: str, env: Mapping[str, str] | None = None) -> None:
    """Run a program; BuildError with its own words if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603 -- ours
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")


def printed_by(*command: str) -> str:
    """Return what a Python prints; "" when it fails."""
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- a Python we found
    return answer.stdout.strip()
