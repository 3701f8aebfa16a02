"""Serve AWS credentials on loopback, in the two shapes that libraries read.

Google's libraries read EC2's instance metadata (google.aip.dev/auth/4117); they know no container endpoint. AWS's
SDKs read a container endpoint (AWS SDKs and Tools Reference Guide, "Container credential provider").
"""

import json
import secrets
import socketserver
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler

from google.auth.aws import AwsSecurityCredentials
from keyless.errors import ChainError

ROLE = "keyless"
SESSION_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105 -- the name of a header
LIFETIME = f"{SESSION_TOKEN}-ttl-seconds"
ASSUMED = timedelta(hours=1)
"""The lifetime that is told for credentials whose expiry is unknown: an SDK then asks again in time."""

_CREDENTIALS = "/latest/meta-data/iam/security-credentials"
_ZONE = "/latest/meta-data/placement/availability-zone"
_SESSION = "/latest/api/token"
_CONTAINER = "/container"


class Metadata(socketserver.ThreadingTCPServer):
    """A server on loopback, under a path that cannot be guessed; serves while it is entered as a context.

    keys: gives the current credentials, or raises ChainError, which the asker is then told. expiration: when these
    end, for the container's shape, as ISO 8601; by default nobody knows.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, keys: Callable[[], AwsSecurityCredentials], region: str, expiration: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.keys, self.region, self._expiration = keys, region, expiration
        self.secret_path = f"/{secrets.token_urlsafe(32)}"
        self.session_token = secrets.token_urlsafe(32)
        self.container_token = secrets.token_urlsafe(32)
        self._base = f"http://127.0.0.1:{self.server_address[1]}{self.secret_path}"

    @property
    def credentials_url(self) -> str:
        """Answers with a role's name; with that name after it, with the role's credentials."""
        return self._base + _CREDENTIALS

    @property
    def region_url(self) -> str:
        """Answers with an availability zone: the region and one more letter."""
        return self._base + _ZONE

    @property
    def session_token_url(self) -> str:
        """Answers a PUT with the token that all other requests for metadata must carry (IMDSv2)."""
        return self._base + _SESSION

    @property
    def container_url(self) -> str:
        """Answers an AWS SDK that sends `container_token` as Authorization."""
        return self._base + _CONTAINER

    def expiration(self) -> str:
        """Return the expiry of the credentials, in the container's shape."""
        return self._expiration or (datetime.now(UTC) + ASSUMED).strftime("%Y-%m-%dT%H:%M:%SZ")

    def __enter__(self) -> "Metadata":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        if self._path() != _SESSION:
            self._answer(404)
        elif not self.headers.get(LIFETIME, "").isdecimal():
            self._answer(400)
        else:
            self._answer(200, self.server.session_token)

    def do_GET(self) -> None:
        path = self._path()
        container = path == _CONTAINER
        if path not in (_CREDENTIALS, f"{_CREDENTIALS}/{ROLE}", _ZONE, _CONTAINER):
            self._answer(404)
        elif not (self._carries("Authorization", self.server.container_token) if container else self._in_session()):
            self._answer(401)
        elif path == _CREDENTIALS:
            self._answer(200, ROLE)
        elif path == _ZONE:
            self._answer(200, f"{self.server.region}a")
        else:
            self._give_keys(container=container)

    def _give_keys(self, *, container: bool) -> None:
        try:
            keys = self.server.keys()
        except ChainError as error:
            self._answer(500, str(error))
            return
        document = {"AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key}
        if keys.session_token or container:  # SDKs insist on it; Google's libraries would sign an empty one
            document["Token"] = keys.session_token or ""
        if container:
            document["Expiration"] = self.server.expiration()
        self._answer(200, json.dumps(document), "application/json")

    def _path(self) -> str | None:
        """Return what follows the secret path; None when the request does not have that."""
        length = len(self.server.secret_path)
        known = compare_digest(self.path[:length].encode(), self.server.secret_path.encode())
        return self.path[length:] if known else None

    def _in_session(self) -> bool:
        return self._carries(SESSION_TOKEN, self.server.session_token)

    def _carries(self, header: str, expected: str) -> bool:
        return compare_digest(self.headers.get(header, "").encode(), expected.encode())

    def _answer(self, status: int, text: str = "", kind: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the path is secret, and standard error is the command's."""
