"""Ctrl-C and SIGTERM end the waiting, never the making and removing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def sheltered() -> Iterator[None]:
    """Hold back what would interrupt, except within `exposed`: there, or at the end, the first is a KeyboardInterrupt.

    Later ones are ignored, so that an impatient second Ctrl-C leaves nothing behind. A signal that is ignored
    already (nohup) stays so. For the main thread alone.
    """
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    once = _Once()
    before = {number: signal.signal(number, once) for number in heeded}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
    try:
        yield
    finally:
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def exposed() -> Iterator[None]:
    """Let an interruption through."""
    mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@dataclass(slots=True)
class _Once:
    """Raises for the first signal of all, whichever it is."""

    raised: bool = False

    def __call__(self, *_: object) -> None:
        if not self.raised:
            self.raised = True
            raise KeyboardInterrupt
