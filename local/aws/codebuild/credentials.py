"""A build's AWS credentials where CodeBuild has them: behind the container endpoint, expiring, and renewed.

CodeBuild's own endpoint is 169.254.170.2, which no program may bind: this one is on loopback, with the variables that
AWS's SDKs read for such an address (AWS SDKs and Tools Reference Guide, "Container credential provider").
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

LIFETIME = 3600.0
"""Seconds, as on AWS, where nobody asked for less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Temporary credentials; `expires` is in seconds since the epoch."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: float


Issue = Callable[[float], Keys]
"""Makes new credentials of the build's role that are good for so many seconds."""


class Vendor:
    """Hands out the current credentials; past half of their life it has new ones made."""

    def __init__(self, issue: Issue, lifetime: float = LIFETIME) -> None:
        self._issue, self._lifetime = issue, lifetime
        self._turn = threading.Lock()
        self._current: Keys | None = None

    def current(self) -> Keys:
        """Good for half a lifetime at least. Callable from any thread."""
        with self._turn:
            if self._current is None or self._current.expires - time.time() < self._lifetime / 2:
                self._current = self._issue(self._lifetime)
            return self._current


class Endpoint(ThreadingHTTPServer):
    """Serves the vendor's credentials on a loopback port, under a path and behind a token that nobody can guess."""

    daemon_threads = True

    def __init__(self, vendor: Vendor, role: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vendor, self.role = vendor, role
        self.path = f"/v2/credentials/{secrets.token_urlsafe(24)}"
        self.token = secrets.token_urlsafe(24)

    @property
    def variables(self) -> dict[str, str]:
        """What a build finds in its environment."""
        url = f"http://127.0.0.1:{self.server_address[1]}{self.path}"
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url, "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.token}

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_GET(self) -> None:
        if not compare_digest(self.path.encode(), self.server.path.encode()):
            self._answer(404, {})
        elif not compare_digest(self.headers.get("Authorization", "").encode(), self.server.token.encode()):
            self._answer(401, {})
        else:
            keys = self.server.vendor.current()
            expiration = datetime.fromtimestamp(keys.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            document = {"RoleArn": self.server.role, "AccessKeyId": keys.access_key_id, "Expiration": expiration}
            self._answer(200, document | {"SecretAccessKey": keys.secret_access_key, "Token": keys.session_token})

    def _answer(self, status: int, document: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the path is secret."""
