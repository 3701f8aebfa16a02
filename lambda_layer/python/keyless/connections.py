"""Connections to Google that are opened ahead of need, all at once, and handed to whoever needs them.

Opening one costs two round trips (TCP and TLS), and the chain needs three hosts. Opened one after the other
when they are needed they are most of a cold start; opened together at import they cost next to nothing.
"""

import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import certifi
from keyless.config import Config

CONNECT_TIMEOUT = 3.0
"""Seconds that name resolution, TCP and TLS may take together."""

IDLE_LIMIT = 60.0
"""Seconds of wall clock after which an unused connection is not trusted: a frozen process cannot see it die."""


class Origin(NamedTuple):
    """What a connection is opened to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """The origin of an absolute http or https URL."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


class Connections:
    """Open sockets by origin, TLS done and verified. Safe for threads."""

    def __init__(self, config: Config) -> None:
        self._ca_file = config.ca_file
        self._proxy = config.proxy
        self._no_proxy = config.no_proxy
        self._context: ssl.SSLContext | None = None
        self.forget()

    def forget(self) -> None:
        """Drop all connections without a word to the peer: in a forked child they are the parent's."""
        self._lock = threading.Lock()
        self._context_lock = threading.Lock()
        self._openings: dict[Origin, list[_Opening]] = {}
        self._connect_ms = 0.0

    def close(self) -> None:
        """Close every connection that nobody has taken."""
        with self._lock:
            openings = [opening for kept in self._openings.values() for opening in kept]
            self._openings.clear()
        for opening in openings:
            opening.abandon()

    def spent_connecting(self) -> float:
        """The longest that a connection taken since this was last asked took to open, in milliseconds."""
        spent, self._connect_ms = self._connect_ms, 0.0
        return spent

    def open_ahead(self, urls: Iterable[str]) -> None:
        """Start to open one connection for each of `urls`, all at once. Fails silently: who takes it, sees."""
        for url in urls:
            origin = Origin.of(url)
            self._keep(origin, _Opening.start(partial(self._connect, origin)))

    def take(self, origin: Origin, *, timeout: float = CONNECT_TIMEOUT) -> socket.socket | None:
        """A live connection that was kept or is on its way; None when there is none.

        Raises TimeoutError when one is on its way and does not get there within `timeout` s.
        """
        while (opening := self._next(origin)) is not None:
            if opening.too_old():
                opening.abandon()
                continue
            try:
                opened = opening.future.result(timeout)
            except TimeoutError:
                opening.abandon()
                raise
            except OSError:
                continue
            if is_alive(opened.sock):
                self._connect_ms = max(self._connect_ms, opened.milliseconds)
                return opened.sock
            opened.sock.close()
        return None

    def open(self, origin: Origin, *, timeout: float = CONNECT_TIMEOUT) -> socket.socket:
        """A new connection; raises OSError (TimeoutError, ssl.SSLError, socket.gaierror) when it fails."""
        opening = _Opening.start(partial(self._connect, origin))
        try:
            opened = opening.future.result(timeout)
        except TimeoutError:
            opening.abandon()
            raise
        self._connect_ms = max(self._connect_ms, opened.milliseconds)
        return opened.sock

    def give_back(self, origin: Origin, sock: socket.socket) -> None:
        """Keep a connection whose last answer was read to its end for the next request."""
        future: Future[_Opened] = Future()
        future.set_result(_Opened(sock))
        self._keep(origin, _Opening(future))

    def tls_context(self) -> ssl.SSLContext:
        """The one TLS context of the process: reading a bundle of roots costs tens of milliseconds."""
        with self._context_lock:
            if self._context is None:
                roots = self._ca_file or certifi.where()
                directory = Path(roots).is_dir()
                self._context = ssl.create_default_context(
                    cafile=None if directory else roots, capath=roots if directory else None
                )
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context

    def proxied(self, origin: Origin) -> bool:
        """Whether requests to `origin` go through the environment's proxy."""
        if self._proxy is None or origin.scheme != "https":
            return False
        # Costs 10 ms that few need to pay. (Undocumented, and what requests uses; typeshed lacks it.)
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        return not proxy_bypass_environment(origin.host, {"no": self._no_proxy})

    def _keep(self, origin: Origin, opening: "_Opening") -> None:
        with self._lock:
            self._openings.setdefault(origin, []).append(opening)

    def _next(self, origin: Origin) -> "_Opening | None":
        with self._lock:
            kept = self._openings.get(origin)
            return kept.pop() if kept else None

    def _connect(self, origin: Origin) -> socket.socket:
        sock = self._tunnel(origin) if self.proxied(origin) else _tcp(origin)
        if origin.scheme != "https":
            return sock
        try:
            return self.tls_context().wrap_socket(sock, server_hostname=origin.host)
        except BaseException:
            sock.close()
            raise

    def _tunnel(self, origin: Origin) -> socket.socket:
        proxy = urlsplit(self._proxy or "")
        headers = {}
        if proxy.username:
            user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + b64encode(user.encode()).decode()
        connection = HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=CONNECT_TIMEOUT)
        connection.set_tunnel(origin.host, origin.port, headers)
        connection.connect()
        sock: socket.socket = connection.sock
        return sock


def is_alive(sock: socket.socket) -> bool:
    """Whether an idle connection is still good for a request.

    Reading is the test: a closed one ends at once, a live one has nothing to say. Over TLS 1.3 the read also
    takes in the session tickets that follow the handshake, which would look like an unasked-for answer.
    """
    try:
        sock.setblocking(False)
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def _tcp(origin: Origin) -> socket.socket:
    sock = socket.create_connection((origin.host, origin.port), CONNECT_TIMEOUT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open socket and how long opening it took."""

    sock: socket.socket
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Opening:
    """A connection that is open or on its way, and since when."""

    future: "Future[_Opened]"
    since: float = field(default_factory=time.time)

    @classmethod
    def start(cls, connect: Callable[[], socket.socket]) -> "_Opening":
        """Open it in a thread of its own: `timeout` then bounds a slow resolver too."""
        future: Future[_Opened] = Future()

        def run() -> None:
            started = time.monotonic()
            try:
                future.set_result(_Opened(connect(), (time.monotonic() - started) * 1000))
            except Exception as error:
                future.set_exception(error)

        threading.Thread(target=run, name="keyless-connect", daemon=True).start()
        return cls(future)

    def too_old(self) -> bool:
        """Whether it has waited too long to be trusted, by the wall clock."""
        return time.time() - self.since > IDLE_LIMIT

    def abandon(self) -> None:
        """Close it, now or as soon as it is open."""
        self.future.add_done_callback(lambda done: None if done.exception() else done.result().sock.close())


_lock = threading.Lock()
_connections: dict[Config, Connections] = {}


def connections_for(config: Config) -> Connections:
    """The connections that the whole process shares for `config`."""
    with _lock:
        return _connections.setdefault(config, Connections(config))


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for connections in _connections.values():
        connections.forget()


os.register_at_fork(after_in_child=_after_fork)
