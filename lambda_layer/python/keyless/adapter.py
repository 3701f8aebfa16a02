"""A requests adapter with which a Google client uses the connections that were opened ahead."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from keyless.chain.links import api_refusal
from keyless.net.connections import Connections
from keyless.net.sockets import Origin
from keyless.net.transport import Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class AheadAdapter(HTTPAdapter):
    """Mount it on a session for an origin: its first connection is then the one that is open already.

    Roots and proxy are those of the exchange, whatever the session says, and certificates are verified. google-auth
    makes a new token when one is refused; if that is refused as well, an ApiError tells of it.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._refused = threading.local()
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools open their connections through ours."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._connections)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> tuple[Any, Any]:
        """One TLS context for all: requests would read its bundle of roots anew for each connection."""
        host, tls = super().build_connection_pool_key_attributes(request, True, cert)
        if host["scheme"] == "https":
            tls["ssl_context"] = self._connections.tls_context()
        return host, tls

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context verifies, and a second bundle is not loaded into it."""

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Without requests' proxies, which would not use our pools: our connections go through the proxy themselves."""
        response = super().send(request, *args, **kwargs | {"proxies": None})
        refused = hash(request.headers.get("Authorization", "")) if response.status_code == 401 else 0
        before, self._refused.token = getattr(self._refused, "token", 0), refused
        if refused and before and refused != before:
            raise api_refusal(Origin.of(request.url).host, Response(401, response.headers, response.content))
        return response

    def close(self) -> None:
        """Close every connection that is idle; the next request opens a new one."""
        super().close()
        self._connections.close()


def _pools(connections: Connections) -> Mapping[str, type[HTTPConnectionPool]]:
    """urllib3's pools, except that idle connections are kept by `connections`: it knows what Lambda does to them."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            kept = None
            with suppress(TimeoutError):
                kept = connections.take(_origin(self))
            self.sock = kept or connections.open(_origin(self))
            self.sock.settimeout(self.timeout)
            self.is_verified = isinstance(self, HTTPSConnection)  # by `Connections`, when it was opened

        @property
        def is_connected(self) -> bool:
            return self.sock is None or super().is_connected  # without a socket it is as good as new

    class Secure(Plain, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

        def _put_conn(self, conn: Any) -> None:
            if conn is not None and conn.sock is not None:
                connections.give_back(_origin(conn), conn.sock)
                conn.sock = None
            super()._put_conn(conn)

    class SecurePool(PlainPool, HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _origin(connection: HTTPConnection) -> Origin:
    scheme = "https" if isinstance(connection, HTTPSConnection) else "http"
    return Origin(scheme, connection.host, connection.port or 0)
