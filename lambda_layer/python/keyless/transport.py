"""A google.auth transport over the connections that were opened ahead, with bounded waits and no retries."""

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import google.auth.transport
from google.auth.exceptions import TransportError
from keyless.connections import Connections
from keyless.sockets import Origin

READ_TIMEOUT = 5.0
"""Seconds without a byte from the server after which a request is given up."""

_GONE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Response(google.auth.transport.Response):
    """An HTTP answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Request(google.auth.transport.Request):
    """Sends one request and returns the answer, whatever its status.

    A connection that was kept and turns out to have died in the meantime is replaced by a new one; that is
    the only time that anything is sent twice, and nothing had come back.
    """

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> Response:
        """The answer; google.auth's TransportError, caused by an OSError, when there is none.

        `timeout` in seconds bounds connecting and each read; the default is READ_TIMEOUT.
        """
        origin, wait = Origin.of(url), timeout or READ_TIMEOUT
        try:
            kept = self.connections.take(origin, timeout=wait)
            if kept is not None:
                try:
                    return self._send(kept, origin, url, method, body, headers, wait)
                except _GONE:
                    pass
            fresh = self.connections.open(origin, timeout=wait)
            return self._send(fresh, origin, url, method, body, headers, wait)
        except (OSError, HTTPException, ValueError) as error:
            raise TransportError(f"{method} {origin.host}: {str(error) or type(error).__name__}") from error

    def _send(
        self,
        sock: socket,
        origin: Origin,
        url: str,
        method: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        timeout: float,
    ) -> Response:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        sock.settimeout(timeout)
        connection = HTTPConnection(origin.host, origin.port)
        connection.sock = sock  # whether it speaks TLS is the socket's business
        try:
            connection.request(method, target, body, {"Host": parts.netloc, **(headers or {})})
            answer = connection.getresponse()
            response = Response(answer.status, dict(answer.headers), answer.read())
        except BaseException:
            sock.close()
            raise
        if answer.will_close:
            sock.close()
        else:
            self.connections.give_back(origin, sock)
        return response
