"""Stands before the local Google: faults on request, and a list of the calls that came."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import requests

from tests.local.loopback import Quiet, on_loopback

Json = dict[str, Any]
Fault = Callable[[str, str], "tuple[int, Json | bytes] | Callable[[], None] | str | None"]


@dataclass(slots=True)
class Proxy:
    """Stands before the local Google and does what `fault(method, path)` says.

    (status, body): answer that instead, JSON or bytes. "lose": do it and never answer. A callable: run it, then go on.
    None: go on. `calls` holds every request that came.
    """

    target: str
    fault: Fault = lambda method, path: None
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve until the block ends."""
        with on_loopback(_forwarder(self)) as self.url:
            yield self

    def writes(self) -> list[tuple[str, str]]:
        """The requests that could change anything."""
        return [(method, path) for method, path in self.calls if method != "GET" and not path.endswith(":getIamPolicy")]


def _forwarder(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Forwarder(Quiet):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            proxy.calls.append((self.command, path))
            fault = proxy.fault(self.command, path)
            if isinstance(fault, tuple):
                self.reply(fault[0], fault[1] if isinstance(fault[1], bytes) else json.dumps(fault[1]).encode())
                return
            if callable(fault):
                fault()
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            with requests.Session() as session, suppress(requests.ConnectionError):
                session.trust_env = False
                url = proxy.target + self.path
                answer = session.request(self.command, url, data=body, headers=headers, timeout=60)
                if fault != "lose":
                    self.reply(answer.status_code, answer.content)
                    return
            self.close_connection = True
            self.connection.close()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any

    return Forwarder
