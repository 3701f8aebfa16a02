"""One connection to a Google host: TCP, a proxy where there is one, TLS verified, and whether it still lives.

`ssl` is imported when the first TCP connections are under way: its 6 ms would be before them.
"""

import socket
from base64 import b64encode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from keyless.config import Config
from keyless.net.roots import Roots

if TYPE_CHECKING:
    import ssl

CONNECT_TIMEOUT = 3.0
"""Seconds that each step of connecting may take."""

SILENCE = 10
"""Seconds after which a connection is given up whose other end does not even acknowledge what it is sent. That is no
limit to how long an answer may take: who waits for one asks every few seconds whether the other end is there."""


class Origin(NamedTuple):
    """Scheme, host and port of a connection."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Origin":
        """Return the origin of an absolute http or https URL."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


class Connector:
    """Opens connections as `config` says: through its proxy, trusting its roots."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._roots = Roots(config.ca_file)

    def connect(self, origin: Origin) -> socket.socket:
        """Return a new connection, verified if it is TLS; raises OSError (ssl.SSLError, socket.gaierror, ...)."""
        sock = self.reach(origin)
        if origin.scheme != "https":
            return sock
        import ssl

        try:
            context = self.tls_context()
            return context.wrap_socket(sock, server_hostname=origin.host)
        except ssl.SSLCertVerificationError:
            if not self._roots.widen(context):
                raise
        except BaseException:
            sock.close()
            raise
        return self.tls_context().wrap_socket(self.reach(origin), server_hostname=origin.host)

    def tls_context(self) -> "ssl.SSLContext":
        """Return the TLS context that all connections share."""
        return self._roots.context()

    def proxied(self, origin: Origin) -> bool:
        """Return whether connections to `origin` go through a proxy."""
        if self._config.proxy is None or origin.scheme != "https":
            return False
        # Costs 10 ms that few need to pay. (Undocumented, and what requests uses; typeshed lacks it.)
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

        return not proxy_bypass_environment(origin.host, {"no": self._config.no_proxy})

    def reach(self, origin: Origin) -> socket.socket:
        """Return a connection to `origin` before TLS, through the proxy if there is one; raises OSError."""
        sock = self._tunnel(origin) if self.proxied(origin) else _tcp(origin)
        set_options(sock)
        return sock

    def _tunnel(self, origin: Origin) -> socket.socket:
        from http.client import HTTPConnection  # 10 ms that would be before the first connection

        proxy = urlsplit(self._config.proxy or "")
        headers = {}
        if proxy.username:
            user = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + b64encode(user.encode()).decode()
        connection = HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=CONNECT_TIMEOUT)
        connection.set_tunnel(origin.host, origin.port, headers)
        try:
            connection.connect()
        except BaseException as error:
            from traceback import clear_frames

            connection.close()  # which it does itself only where the proxy refuses in HTTP's own words,
            clear_frames(error.__traceback__)  # and before 3.11.4 its response, a local, holds the socket open
            raise
        sock: socket.socket = connection.sock
        return sock


def is_alive(sock: socket.socket) -> bool:
    """Return whether an idle connection is still good for a request.

    Reading is the test: a closed one ends at once, a live one has nothing to say. Over TLS 1.3 the read also
    takes in the session tickets that follow the handshake, which would look like an unasked-for answer.
    """
    import ssl

    try:
        sock.setblocking(False)
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def set_options(sock: socket.socket) -> None:
    """Send at once, and notice when the other end is gone (tcp(7); not every system has all of it)."""
    options = (
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", SILENCE * 1000),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", max(1, SILENCE // 2)),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", max(1, SILENCE // 5)),
    )
    for level, name, value in options:
        if hasattr(socket, name):
            sock.setsockopt(level, getattr(socket, name), value)


def _tcp(origin: Origin) -> socket.socket:
    return socket.create_connection((origin.host, origin.port), CONNECT_TIMEOUT)
