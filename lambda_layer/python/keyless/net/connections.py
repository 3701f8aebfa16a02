"""Connections to Google that are opened ahead of need, all at once.

Opening one costs two round trips (TCP and TLS), and the chain needs three hosts. Opened one after the other
when they are needed they are most of a cold start; opened together at import they cost next to nothing.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from keyless.config import Config
from keyless.net.opening import Opening
from keyless.net.sockets import Connector, Origin, is_alive

if TYPE_CHECKING:
    import ssl

OPEN_TIMEOUT = 5.0
"""Seconds that opening a connection may take, name resolution included."""

IDLE_LIMIT = 180.0
"""Seconds of wall clock after which an unused connection is not trusted: a frozen process cannot see it die. AWS's NAT
gateways forget one after 350 s (Amazon VPC User Guide, "NAT gateway basics")."""


class Connections:
    """Open connections by origin. Safe for threads."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._openings: dict[Origin, list[Opening]] = {}
        self.forget()

    def forget(self) -> None:
        """Let go of all connections without a word to the peer: in a forked child they are the parent's."""
        for opening in chain.from_iterable(self._openings.values()):
            if opening.sock is not None:
                opening.sock.close()
        self._connector = Connector(self._config)
        self._lock = threading.Lock()
        self._openings = {}
        self._spent_connecting = 0.0

    def close(self) -> None:
        """Close every connection that nobody has taken."""
        with self._lock:
            openings = list(chain.from_iterable(self._openings.values()))
            self._openings.clear()
        for opening in openings:
            opening.abandon()

    def open_ahead(self, urls: Iterable[str]) -> None:
        """Start to open one connection for each of `urls`, all at once. Does not raise; `take` reports a failure."""
        for url in urls:
            origin = Origin.of(url)
            self._keep(origin, self._start(origin))
        with suppress(OSError):
            self.tls_context()  # reads the roots while they connect

    def open_missing(self, urls: Iterable[str]) -> None:
        """Start to open a connection to each host that has no live one; close those that have died."""
        for origin in dict.fromkeys(map(Origin.of, urls)):
            with self._lock:  # all the time: of many threads that find none, one opens one
                kept = self._openings.get(origin, [])
                good = [opening for opening in kept if self._is_good(opening)]
                self._openings[origin] = good or [self._start(origin)]
            for opening in set(kept) - set(good):
                opening.abandon()

    def take(self, origin: Origin, *, timeout: float = OPEN_TIMEOUT) -> socket.socket | None:
        """Return a live connection that was kept or is being opened; None when there is none.

        Raises TimeoutError when one is on its way and does not get there within `timeout` s.
        """
        while (opening := self._next(origin)) is not None:
            if self._clock() - opening.since > IDLE_LIMIT:
                opening.abandon()
                continue
            try:
                sock = self._wait_for(opening, timeout)
            except TimeoutError:
                raise
            except Exception:  # noqa: S112 -- it failed ahead of need; now that it is needed, try anew
                continue
            if is_alive(sock):
                return sock
            sock.close()
        return None

    def open(self, origin: Origin, *, timeout: float = OPEN_TIMEOUT) -> socket.socket:
        """Return a new connection; raises OSError (TimeoutError, ssl.SSLError, socket.gaierror, ...) when it fails."""
        return self._wait_for(self._start(origin), timeout)

    def give_back(self, origin: Origin, sock: socket.socket) -> None:
        """Keep a connection whose last answer was read to its end for the next request."""
        now, old = self._clock(), []
        with self._lock:
            kept = self._openings.setdefault(origin, [])
            while kept and now - kept[0].since > IDLE_LIMIT:  # nobody gets to the oldest when there are many
                old.append(kept.pop(0))
            kept.append(Opening.done(sock, since=now))
        for opening in old:
            opening.abandon()

    def tls_context(self) -> "ssl.SSLContext":
        """Return the TLS context that all these connections share."""
        return self._connector.tls_context()

    def spent_connecting(self) -> float:
        """Return how long the slowest connection taken since the last call took to open, in milliseconds."""
        spent, self._spent_connecting = self._spent_connecting, 0.0
        return spent

    def _start(self, origin: Origin) -> Opening:
        return Opening.start(partial(self._connector.connect, origin), since=self._clock())

    def _is_good(self, opening: Opening) -> bool:
        if self._clock() - opening.since > IDLE_LIMIT:
            return False
        return not opening.future.done() or (opening.sock is not None and is_alive(opening.sock))

    def _keep(self, origin: Origin, opening: Opening) -> None:
        with self._lock:
            self._openings.setdefault(origin, []).append(opening)

    def _next(self, origin: Origin) -> Opening | None:
        with self._lock:
            kept = self._openings.get(origin)
            return kept.pop() if kept else None

    def _wait_for(self, opening: Opening, timeout: float) -> socket.socket:
        try:
            sock = opening.future.result(timeout)
        except TimeoutError:
            opening.abandon()
            raise
        self._spent_connecting = max(self._spent_connecting, opening.milliseconds)
        return sock


_lock = threading.Lock()
_connections: dict[Config, Connections] = {}


def connections_for(config: Config) -> Connections:
    """Return the connections that the whole process shares for `config`."""
    with _lock:
        return _connections.setdefault(config, Connections(config))


def close_all() -> None:
    """Close every connection of the process that nobody has taken."""
    for connections in list(_connections.values()):
        connections.close()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for connections in _connections.values():
        connections.forget()


os.register_at_fork(after_in_child=_after_fork)
