"""Progress for people: a line a step, with the time since the start, how it ended, and the time it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step: what it was for, how it ended (`ok`, `FAILED` or `interrupted`), seconds, and what was seen."""

    step: str
    ended: str
    seconds: float
    seen: str = ""


class Steps:
    """Prints each step as it starts and as it ends, so that long work is seen to go on; keeps the outcomes."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.outcomes: list[Outcome] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the first step could have begun."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Announce `what` and run the block, which adds to the list what it saw; an error ends the step as failed."""
        begun, seen = time.monotonic(), list[str]()
        print(f"{self.elapsed:6.1f} s  {what} ...", end="", flush=True)
        try:
            yield seen
        except BaseException as error:
            word = "interrupted" if isinstance(error, KeyboardInterrupt) else "FAILED"
            print(f" {word} after {time.monotonic() - begun:.1f} s", flush=True)
            self.outcomes.append(Outcome(what, word, time.monotonic() - begun, str(error)))
            raise
        self.outcomes.append(Outcome(what, "ok", time.monotonic() - begun, "; ".join(seen)))
        print(f" {time.monotonic() - begun:.1f} s{f': {self.outcomes[-1].seen}' if seen else ''}", flush=True)
