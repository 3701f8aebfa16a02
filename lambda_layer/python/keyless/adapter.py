"""Lets a requests session, and so a Google client, use the connections that were opened ahead."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from keyless.connections import Connections
from keyless.sockets import Origin
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


class AheadAdapter(HTTPAdapter):
    """Mount it on a session for an origin: its first connection is then the one that is open already.

    Certificates are verified against the same roots as in the exchange, whatever the session says.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
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


def _pools(connections: Connections) -> Mapping[str, type[HTTPConnectionPool]]:
    def opened(connection: HTTPConnection, scheme: str) -> socket.socket | None:
        if connection.proxy is not None:
            return None
        origin = Origin(scheme, connection.host, connection.port or 0)
        with suppress(TimeoutError):
            if (kept := connections.take(origin)) is not None:
                return kept
        return connections.open(origin) if scheme == "https" else None

    class Plain(HTTPConnection):
        def connect(self) -> None:
            self.sock = opened(self, "http")
            if self.sock is None:
                super().connect()

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            self.sock = opened(self, "https")
            if self.sock is None:
                super().connect()
            else:
                self.is_verified = True  # by `Connections`, when it was opened

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
