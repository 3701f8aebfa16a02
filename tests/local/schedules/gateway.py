"""The same injection behind a real connection: what is lost is a connection that ends without an answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import requests

from tests.local.loopback import Quiet, on_loopback
from tests.local.schedules.cloud import query_of
from tests.local.schedules.injection import Injection, Killed


@dataclass(slots=True)
class Gateway:
    """A server on loopback, before whichever world's event is under way."""

    url: str = ""
    injection: Injection | None = None

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve until the block ends."""
        with on_loopback(_handler(self)) as self.url:
            yield self

    def session(self, injection: Injection) -> requests.Session:
        """A session for one event."""
        self.injection = injection
        return _Mortal(injection)


class _Mortal(requests.Session):
    """A session whose process may be killed: then nothing of it comes back."""

    def __init__(self, injection: Injection) -> None:
        super().__init__()
        self.trust_env, self._injection = False, injection

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        """The answer, unless there is nobody to hear it."""
        try:
            return super().request(*arguments, **named)
        finally:
            if self._injection.dead:
                raise Killed


def _handler(gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Passing(Quiet):
        wbufsize = -1  # an answer in one piece: in two, each would wait for the other end's acknowledgement

        def _any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, query = self.path.partition("?")
            headers = {name: value for name, value in self.headers.items() if name == "If-Match"}
            assert gateway.injection
            try:
                body = json.loads(raw) if raw else None
                status, content = gateway.injection.answer(self.command, path, query_of(query), body, headers)
            except (requests.RequestException, Killed):
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any

    return Passing
