"""Time as the rest sees it, so that a test may let hours of waiting pass in no time."""

from typing import Protocol


class Clock(Protocol):
    """What is used of the module `time`, which is one."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float, /) -> None:
        """Let seconds pass."""
