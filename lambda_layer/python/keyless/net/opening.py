"""A connection that is opened in a thread of its own. Plain classes here: a dataclass costs a cold start 0.2 ms."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future


class Opening:
    """A connection that is open or being opened, since when (wall clock), and how long it took."""

    def __init__(self, since: float, sock: socket.socket | None = None) -> None:
        self.since, self.sock = since, sock
        self.milliseconds = 0.0
        self.future: Future[socket.socket] = Future()

    @classmethod
    def start(cls, connect: Callable[[], socket.socket], *, since: float) -> "Opening":
        """Start to open one in a thread, so that waiting for it can end even when a resolver hangs."""
        opening = cls(since)
        threading.Thread(target=opening._run, args=(connect,), name="keyless-connect", daemon=True).start()
        return opening

    @classmethod
    def done(cls, sock: socket.socket, *, since: float) -> "Opening":
        """Return one that is open already."""
        opening = cls(since, sock=sock)
        opening.future.set_result(sock)
        return opening

    def abandon(self) -> None:
        """Close it, now or as soon as it is open."""
        self.future.add_done_callback(lambda future: None if future.exception() else future.result().close())

    def _run(self, connect: Callable[[], socket.socket]) -> None:
        started = time.monotonic()
        try:
            self.sock = connect()
        except Exception as error:
            self.future.set_exception(error)
        else:
            self.milliseconds = (time.monotonic() - started) * 1000
            self.future.set_result(self.sock)
