"""Time that passes only where someone waits: hours of retries take no time at all."""

import threading


class VirtualClock:
    """A clock for one world. Threads that wait at the same time wait side by side."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Be `seconds` later."""
        until = self.now + seconds
        with self._lock:
            self.now = max(self.now, until)
