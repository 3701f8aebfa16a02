"""Time as the rest sees it, so that a test may let hours of waiting pass in no time."""

import time
from collections.abc import Iterable, Iterator
from typing import Protocol


class Clock(Protocol):
    """What is used of the module `time`, which is one."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let seconds pass."""


def attempts(pauses: Iterable[float], clock: Clock = time) -> Iterator[int]:
    """Yield the number of each attempt, from 0, after its pause in seconds; the loop's body ends it by success."""
    for number, pause in enumerate(pauses):
        clock.sleep(pause)
        yield number
