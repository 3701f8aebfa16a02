"""What every command prints for people: progress, and a plan before it is done or instead of that."""

import os
import sys
from collections.abc import Callable, Iterable

from keyless_federation.google.step import Step

NOTHING = "Nothing to do: everything is as it should be."


def show(steps: Iterable[Step], say: Callable[[str], None]) -> None:
    """A line for each step that would be taken."""
    for step in steps:
        words = str(step)
        say(f"  would{',' if words.startswith('on ') else ''} {words}")


def count(steps: int, *, dry_run: bool) -> str:
    """The last line: how many steps were taken, or would be."""
    if not steps:
        return NOTHING
    told = "to take; nothing was changed (--dry-run)" if dry_run else "taken"
    return f"{steps} step{'s' * (steps != 1)} {told}."


def say(line: str) -> None:
    """Print progress or an error, apart from what the command is asked to print.

    A closed stderr must not stop the work: something may still have to be cleaned up.
    """
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        # What is still to be written would fail once more when Python ends, and change its exit code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
