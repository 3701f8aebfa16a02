"""One connection that is being opened in a thread, while others do something else."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Opening:
    """A connection that is open or on its way, since when (wall clock), and how long it took."""

    since: float
    future: "Future[socket.socket]" = field(default_factory=Future)
    milliseconds: float = 0.0
    sock: socket.socket | None = None

    @classmethod
    def start(cls, connect: Callable[[], socket.socket], *, since: float) -> "Opening":
        """Open it in a thread of its own, so that waiting for it can end even when a resolver hangs."""
        opening = cls(since)
        threading.Thread(target=opening._run, args=(connect,), name="keyless-connect", daemon=True).start()
        return opening

    @classmethod
    def done(cls, sock: socket.socket, *, since: float) -> "Opening":
        """One that is open already."""
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
