"""Progress for people: one line a step, with the time since the start and the time it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Steps:
    """Prints each step as it starts and as it ends, so that long work is seen to go on."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the first step could have begun."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Announce `what`, run the block, say how long it took; on an error say that this step failed."""
        begun = time.monotonic()
        print(f"{self.elapsed:6.1f} s  {what} ...", end="", flush=True)
        try:
            yield
        except BaseException as error:
            word = "interrupted" if isinstance(error, KeyboardInterrupt) else "FAILED"
            print(f" {word} after {time.monotonic() - begun:.1f} s", flush=True)
            raise
        print(f" {time.monotonic() - begun:.1f} s", flush=True)
