"""A small Google for the layer's own tests: STS, IAM Credentials and BigQuery on one loopback server.

AWS's container endpoint is on it as well, under /container.

It checks what Google would check of a request (the AWS signature, the audience, the bearer token), counts
requests and connections, and breaks on demand. Whether a role is let in is the local Google's business.
"""

import datetime
import itertools
import json
import re
import socket
import ssl
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as AwsKeys

AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/lambda"
ACCOUNT = "reader@example-project.iam.gserviceaccount.com"
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
KEYS = AwsKeys("ASIAEXAMPLEEXAMPLE00", "secret-of-the-role", "session-token-of-the-role")

DENIED = {
    "error": {
        "code": 403,
        "status": "PERMISSION_DENIED",
        "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "IAM_PERMISSION_DENIED"}],
    }
}


DRIPS = {"head": b"HTTP/1.1 200 OK\r\nX-Padding: ", "body": b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"}
"""Answers that begin and do not end, where they stop."""


@dataclass(frozen=True)
class Fault:
    """What a service does instead of its work: answer, hang until released, cut or reset the connection, or answer
    `drip` (the beginning of an HTTP answer) and then byte after byte, without an end."""

    status: int = 500
    body: Any = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    drip: bytes = b""
    released: threading.Event | None = None


@dataclass(frozen=True)
class Asked:
    """A request that came; header names are in lower case."""

    service: str
    path: str
    headers: Mapping[str, str]
    body: str


class GoogleServer:
    """Start it as a context; `environ()` is what points a function at it."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self._open: set[socket.socket] = set()
        self.lifetime = 3600
        self.clock_ahead = 0.0
        self.tokens: set[str] = set()
        self.faults: dict[str, Iterator[Fault]] = {}
        self._number = itertools.count(1)
        self._lock = threading.Lock()
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.scheme = "https" if tls else "http"

    def __enter__(self) -> "GoogleServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """The template for KEYLESS_GOOGLE_ENDPOINT."""
        return f"{self.scheme}://localhost:{self._server.server_port}/{{service}}"

    def container(self, **more: str) -> dict[str, str]:
        """As `environ`, with the AWS credentials behind the container endpoint, as under SnapStart."""
        whole = self.environ() | {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.endpoint.replace("{service}", "container/v1/credentials"),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-for-the-endpoint",
        }
        return {name: value for name, value in whole.items() if name not in AWS_KEYS} | more

    def environ(self, **more: str) -> dict[str, str]:
        """A function's environment that uses this server."""
        return {
            "KEYLESS_AUDIENCE": AUDIENCE,
            "KEYLESS_SERVICE_ACCOUNT": ACCOUNT,
            "KEYLESS_APIS": "bigquery",
            "KEYLESS_GOOGLE_ENDPOINT": self.endpoint,
            "GOOGLE_CLOUD_PROJECT": "example-project",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "AWS_SESSION_TOKEN": KEYS.token,
        } | more

    def count(self, service: str) -> int:
        """How many requests `service` got."""
        return Counter(asked.service for asked in self.asked)[service]

    def fail(self, service: str, *faults: Fault, times: int | None = 1) -> None:
        """Let `service` fail with each of `faults`, `times` over (None: for ever)."""
        self.faults[service] = itertools.cycle(faults) if times is None else iter(faults * times)

    @contextmanager
    def holding(self, service: str) -> Iterator[None]:
        """While inside, requests to `service` are taken and not answered; then they are."""
        released = threading.Event()
        self.fail(service, Fault(released=released), times=None)
        try:
            yield
        finally:
            del self.faults[service]
            released.set()

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def drop_connections(self, *, reset: bool = False) -> None:
        """Close every connection, with or without a word of farewell that is awaited by nobody."""
        for sock in list(self._open):
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RDWR)
        self.wait_until(lambda: not self._open)

    def wait_for(self, service: str, count: int = 1) -> None:
        """Return when `service` got `count` requests."""
        self.wait_until(lambda: self.count(service) >= count)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Return when it has happened; AssertionError when that takes a minute."""
        end = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < end, Counter(asked.service for asked in self.asked)
            time.sleep(0.005)

    def answer(self, asked: Asked) -> tuple[int, Any] | Fault:
        """The answer to a request, or a fault that cuts the connection."""
        with self._lock:
            self.asked.append(asked)
            fault = next(self.faults.get(asked.service, iter(())), None)
        if fault and fault.released:
            fault.released.wait(60)
        elif fault:
            return fault if fault.cut or fault.reset or fault.drip else (fault.status, fault.body)
        work = {
            "sts": self._sts,
            "iamcredentials": self._impersonate,
            "bigquery": self._insert if "/insertAll" in asked.path else self._query,
            "container": self._container,
        }
        return work[asked.service](asked)

    def _token(self) -> str:
        with self._lock:
            token = f"ya29.token-{next(self._number)}-{'x' * 40}"
            self.tokens.add(token)
        return token

    def _sts(self, asked: Asked) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(asked.body).items()}
        if not {"subject_token", "audience"} <= form.keys():
            return 400, {"error": "invalid_request"}
        if problem := subject_problem(form["subject_token"], form["audience"]):
            return 400, {"error": "invalid_grant", "error_description": problem}
        return 200, {
            "access_token": self._token(),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": self.lifetime,
        }

    def _impersonate(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no such token"}}
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lifetime)
        return 200, {"accessToken": self._token(), "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _container(self, asked: Asked) -> tuple[int, Any]:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lifetime)
        return 200, {
            "AccessKeyId": KEYS.access_key,
            "SecretAccessKey": KEYS.secret_key,
            "Token": KEYS.token,
            "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _insert(self, asked: Asked) -> tuple[int, Any]:
        """Rows that are inserted, within Google's limits; a character that is none spoils a whole request."""
        rows = json.loads(asked.body)["rows"]
        if len(asked.body) > 10_000_000 or len(rows) > 50_000:
            return 413, {"error": {"code": 413, "message": "Request payload size exceeds the limit: 10485760 bytes."}}
        if re.search(r"\\ud[89ab]..(?!\\+ud[c-f])", asked.body) or "refuse this" in asked.body:
            return 400, {
                "error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Invalid JSON payload received."}
            }
        bad = [index for index, row in enumerate(rows) if "NaN" in row["json"]["data"]]
        errors = [{"index": index, "errors": [{"reason": "invalid", "message": "no JSON"}]} for index in bad]
        return 200, {"kind": "bigquery#tableDataInsertAllResponse", **({"insertErrors": errors} if errors else {})}

    def _query(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return 401, {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no such token"}}
        return 200, {
            "kind": "bigquery#queryResponse",
            "jobComplete": True,
            "jobReference": {"projectId": "example-project", "jobId": "job", "location": "US"},
            "queryId": "query",
            "schema": {"fields": [{"name": "one", "type": "INTEGER", "mode": "NULLABLE"}]},
            "rows": [{"f": [{"v": "1"}]}],
            "totalRows": "1",
        }


def subject_problem(subject: str, audience: str) -> str | None:
    """What is wrong with a subject token, seen from AWS (the signature) and from Google (the target)."""
    signed = json.loads(unquote(subject))
    headers = {header["key"].lower(): header["value"] for header in signed["headers"]}
    if headers.get("x-goog-cloud-target-resource") != audience:
        return "the request was made for another audience"
    authorization = headers.pop("authorization")
    named = authorization.split("SignedHeaders=")[1].split(",")[0].split(";")
    if missing := {"host", "x-amz-date", "x-amz-security-token", "x-goog-cloud-target-resource"} - set(named):
        return f"not signed: {sorted(missing)}"
    request = AWSRequest(
        method=signed["method"],
        url=signed["url"].replace(".com?", ".com/?"),
        headers={name: headers[name] for name in named},
    )
    request.context["timestamp"] = headers["x-amz-date"]
    region = urlsplit(signed["url"]).netloc.split(".")[1]
    signer = SigV4Auth(KEYS, "sts", region)
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return None if authorization.endswith(f"Signature={expected}") else "the signature does not match"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, google: GoogleServer, tls: ssl.SSLContext | None) -> None:
        self.google = google
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Counted where one comes after the other, and before anything on it is answered.
        self.google.connections += 1
        self.google._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake belongs here, not to accept(): one client that is slow at it would hold all others up.
        try:
            with suppress(OSError), self.tls.wrap_socket(request, server_side=True) if self.tls else request as sock:
                super().finish_request(sock, client_address)
        finally:
            self.google._open.discard(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        service = self.path.split("/")[1]
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.google.answer(Asked(service, self.path, headers, body))
        if isinstance(answer, Fault):
            self.close_connection = True
            if answer.drip:
                self._drip(answer.drip)
            if answer.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            return
        status, content = answer
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST

    def _drip(self, beginning: bytes) -> None:
        with suppress(OSError):  # until the other end has had enough
            self.wfile.write(beginning)
            for _ in range(2000):
                self.wfile.write(b" ")
                time.sleep(0.01)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.server.google.clock_ahead)

    def log_message(self, format: str, *args: Any) -> None:
        pass
