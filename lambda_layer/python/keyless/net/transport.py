"""A google.auth transport over the connections that were opened ahead, bounded as a whole and without retries."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import google.auth.transport
from google.auth.exceptions import TransportError
from keyless.net.connections import Connections
from keyless.net.sockets import Origin

TIMEOUT = 5.0
"""Seconds after which a request is given up, whatever has come of its answer by then."""

_GONE = (RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Response(google.auth.transport.Response):
    """An HTTP response, read to its end."""

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
        """Return the response; raise google.auth's TransportError, caused by an OSError, when there is none.

        `timeout` in seconds bounds all of it, from connecting to the last byte; the default is TIMEOUT.
        """
        origin, end = Origin.of(url), time.monotonic() + (timeout or TIMEOUT)
        try:
            kept = self.connections.take(origin, timeout=_left(end))
            if kept is not None:
                wire = _Wire(kept, end)
                try:
                    return self._send(wire, origin, url, method, body, headers)
                except _GONE:
                    if wire.heard:
                        raise
            fresh = self.connections.open(origin, timeout=_left(end))
            return self._send(_Wire(fresh, end), origin, url, method, body, headers)
        except ValueError as error:  # its words may hold a header's value
            raise TransportError(f"{method} {origin.host}: not a request that HTTP allows") from error
        except (OSError, HTTPException) as error:
            raise TransportError(f"{method} {origin.host}: {str(error) or type(error).__name__}") from error

    def _send(
        self,
        wire: "_Wire",
        origin: Origin,
        url: str,
        method: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Response:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        connection = HTTPConnection(origin.host, origin.port)
        connection.sock = wire
        try:
            connection.request(method, target, body, {"Host": parts.netloc, **(headers or {})})
            answer = connection.getresponse()
            response = Response(answer.status, dict(answer.headers), answer.read())
        except BaseException:
            wire.sock.close()
            raise
        if answer.will_close:
            wire.sock.close()
        else:
            self.connections.give_back(origin, wire.sock)
        return response


class _Wire(RawIOBase):
    """A socket, as far as an HTTPConnection uses one, until `end` (monotonic): a socket's own timeout is for each
    read, and a server that sends byte after byte would never meet it. `heard`: something came back."""

    def __init__(self, sock: socket, end: float) -> None:
        self.sock = sock  # whether it speaks TLS is its own business
        self.heard = False
        self._end = end

    def sendall(self, data: bytes) -> None:
        self.sock.settimeout(_left(self._end))
        self.sock.sendall(data)

    def makefile(self, mode: str) -> BufferedReader:
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.sock.settimeout(_left(self._end))
        count = self.sock.recv_into(buffer)
        self.heard |= count > 0
        return count

    def close(self) -> None:
        """Nothing: the connection is closed before its last answer is read when the server asks for it."""


def _left(end: float) -> float:
    """Seconds until `end`; TimeoutError when it is over."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the answer did not come in time")
    return left
