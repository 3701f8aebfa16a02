"""One connection to a Google host: TCP, a proxy where there is one, TLS verified, and whether it still lives."""

import socket
import ssl
import threading
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import certifi
from keyless.config import Config

CONNECT_TIMEOUT = 3.0
"""Seconds that each step of connecting may take."""


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


class Connector:
    """Opens connections as `config` says: through its proxy, trusting its roots."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def connect(self, origin: Origin) -> socket.socket:
        """A new connection, verified if it is TLS; raises OSError (ssl.SSLError, socket.gaierror, ...)."""
        sock = self._tunnel(origin) if self.proxied(origin) else _tcp(origin)
        if origin.scheme != "https":
            return sock
        try:
            return self.tls_context().wrap_socket(sock, server_hostname=origin.host)
        except BaseException:
            sock.close()
            raise

    def tls_context(self) -> ssl.SSLContext:
        """The one TLS context for all: reading a bundle of roots costs tens of milliseconds."""
        with self._lock:
            if self._context is None:
                roots = self._config.ca_file or certifi.where()
                place = "capath" if Path(roots).is_dir() else "cafile"
                context = ssl.create_default_context(**{place: roots})  # type: ignore[arg-type]
                context.set_alpn_protocols(["http/1.1"])
                self._context = context
            return self._context

    def proxied(self, origin: Origin) -> bool:
        """Whether connections to `origin` go through a proxy."""
        if self._config.proxy is None or origin.scheme != "https":
            return False
        # Costs 10 ms that few need to pay. (Undocumented, and what requests uses; typeshed lacks it.)
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        return not proxy_bypass_environment(origin.host, {"no": self._config.no_proxy})

    def _tunnel(self, origin: Origin) -> socket.socket:
        proxy = urlsplit(self._config.proxy or "")
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
