"""A question to whoever is at the terminal, who may answer with Ctrl-C at any moment."""

import os
import select
import signal
import sys


def ask(question: str) -> str:
    """The line that is typed, "" where there is none; raises KeyboardInterrupt.

    For input() a signal that comes after the question and before it reads is none: it waits until something is typed.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing)
    try:
        print(question, end="", flush=True)
        ready, _, _ = select.select([sys.stdin, reading], [], [])
        return sys.stdin.readline() if sys.stdin in ready else ""
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)
