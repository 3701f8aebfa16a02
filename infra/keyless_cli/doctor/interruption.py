"""Ctrl-C and SIGTERM end the waiting, never the making and removing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STDERR = 2


@contextmanager
def sheltered() -> Iterator[None]:
    """Hold back what would interrupt, except within `exposed`: there, or at the end, the first is a KeyboardInterrupt.

    Later ones are ignored, so that an impatient second Ctrl-C leaves nothing behind. A signal that is ignored
    already (nohup) stays so. For the main thread alone, whichever thread the system hands a signal to: a mask
    would hold it back from this one only.
    """
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    gate = _Gate()
    before = {number: signal.signal(number, gate) for number in heeded}
    try:
        yield
        gate.open()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def exposed() -> Iterator[None]:
    """Let an interruption through."""
    handlers = map(signal.getsignal, SIGNALS)
    gate = next((handler for handler in handlers if isinstance(handler, _Gate)), _Gate())
    try:
        gate.open()
        yield
    finally:
        gate.is_open = False


@dataclass(slots=True)
class _Gate:
    """Handles all signals: keeps that one came, and raises for the first as soon as it is open."""

    is_open: bool = False
    came: bool = False
    raised: bool = False

    def __call__(self, *_: object) -> None:
        if not (self.is_open or self.came):
            with suppress(OSError):
                os.write(STDERR, b"Interrupted. Cleaning up before exit.\n")  # print() may be what was interrupted
        self.came = True
        self._raise_once()

    def open(self) -> None:
        """Raise what came while it was closed, and from here on what comes."""
        self.is_open = True
        self._raise_once()

    def _raise_once(self) -> None:
        if self.is_open and self.came and not self.raised:
            self.raised = True
            raise KeyboardInterrupt
