"""What the custom resource meets: a local Google with faults on request, CloudFormation's ear, Lambda's context."""

import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import requests

from functions.gcp_federation import handler as federation_handler
from local.process import Server, free_port

Json = dict[str, Any]
PROJECT, NUMBER, ACCOUNT, REGION = "keyless-local", "472918365047", "111122223333", "eu-west-1"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/demo/0f0e"
PROJECT_POLICY = f"cloudresourcemanager/v1/projects/{PROJECT}"


class BearerSession(requests.Session):
    """A session with a fixed token."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {token}"


@dataclass(frozen=True, slots=True)
class LocalGoogle:
    """The local Google as its admin sees it."""

    url: str
    token: str

    @classmethod
    @contextmanager
    def started(cls, folder: Path, *options: str) -> Iterator[Self]:
        """A fresh one, ended with the block."""
        port, token = free_port(), secrets.token_hex(24)
        command = [sys.executable, "-m", "local", "google", "--port", str(port), "--aws-endpoint", "http://127.0.0.1:9"]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOOGLE_ADMIN_TOKEN": token}
        server = Server.start("The local Google", [*command, *options], env=env, log=folder / "google.log")
        try:
            server.wait_until_healthy(f"http://127.0.0.1:{port}/healthz")
            yield cls(f"http://127.0.0.1:{port}", token)
        finally:
            server.stop()

    def call(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """One request as the admin; raises on any refusal."""
        with BearerSession(self.token) as session:
            answer = session.request(method, f"{self.url}/{path}", json=body, params=query, timeout=30)
        answer.raise_for_status()
        found: Json = answer.json() if answer.content else {}
        return found

    def find(self, path: str) -> Json | None:
        """A resource, or None."""
        try:
            return self.call("GET", path)
        except requests.HTTPError as error:
            if error.response.status_code != 404:
                raise
            return None

    def members(self, policy: str = PROJECT_POLICY) -> set[tuple[str, str]]:
        """(role, member) of a policy."""
        query = {"options.requestedPolicyVersion": "3"} if "serviceAccounts" in policy else {}
        body = {} if query else {"options": {"requestedPolicyVersion": 3}}
        found = self.call("POST", f"{policy}:getIamPolicy", body, **query)
        return {(entry["role"], member) for entry in found.get("bindings", []) for member in entry["members"]}

    def dataset(self, name: str) -> str:
        """A new dataset; its path."""
        path = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets"
        self.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/bigquery.googleapis.com:enable", {})
        self.call("POST", path, {"datasetReference": {"projectId": PROJECT, "datasetId": name}})
        return f"{path}/{name}"

    def bind(self, role: str, member: str, policy: str = PROJECT_POLICY, **condition: str) -> None:
        """Add a binding, as another administrator would."""
        found = self.call("POST", f"{policy}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
        entry: Json = {"role": role, "members": [member]}
        bindings = [*found.get("bindings", []), {**entry, "condition": condition} if condition else entry]
        self.call("POST", f"{policy}:setIamPolicy", {"policy": {**found, "bindings": bindings, "version": 3}})


Fault = Callable[[str, str], "tuple[int, Json] | Callable[[], None] | str | None"]


@dataclass(slots=True)
class Proxy:
    """Stands before the local Google and does what `fault(method, path)` says.

    (status, body): answer that instead. "lose": do it and never answer. A callable: run it, then go on.
    None: go on. `calls` holds every request that came.
    """

    target: str
    fault: Fault = lambda method, path: None
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve until the block ends."""
        with _serving(_forwarder(self)) as self.url:
            yield self

    def writes(self) -> list[tuple[str, str]]:
        """The requests that could change anything."""
        return [(method, path) for method, path in self.calls if method != "GET" and not path.endswith(":getIamPolicy")]


def _forwarder(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Forwarder(_Quiet):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            proxy.calls.append((self.command, path))
            fault = proxy.fault(self.command, path)
            if isinstance(fault, tuple):
                self.reply(fault[0], json.dumps(fault[1]).encode())
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


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Keep the test's output clean."""

    def reply(self, status: int, body: bytes) -> None:
        """Answer with JSON, if anyone still waits for it."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(body)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(slots=True)
class CloudFormation:
    """Takes answers at a signed URL. `statuses` are given to the first PUTs, then all are taken."""

    statuses: list[int] = field(default_factory=list)
    answers: list[Json] = field(default_factory=list)
    puts: int = 0
    url: str = ""
    answered: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen until the block ends."""
        with _serving(_ear(self)) as base:
            self.url = f"{base}/response?X-Amz-Signature=deadbeef"
            yield self


def _ear(cloudformation: CloudFormation) -> type[BaseHTTPRequestHandler]:
    class Ear(_Quiet):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            cloudformation.puts += 1
            status = cloudformation.statuses.pop(0) if cloudformation.statuses else 200
            if status == 200:
                assert not self.headers["Content-Type"]
                assert len(body) <= 4096
                cloudformation.answers.append(json.loads(body))
                cloudformation.answered.set()
            self.reply(status, b"")

    return Ear


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """Lambda's context with `seconds` left."""

    seconds: float = 120.0
    aws_request_id: str = "11112222-request"
    log_stream_name: str = "2026/01/01/[$LATEST]stream"

    def get_remaining_time_in_millis(self) -> int:
        """What is left, as if no time had passed."""
        return int(self.seconds * 1000)


@dataclass(slots=True)
class Stack:
    """A stack with one federation of its own names, played through the handler as CloudFormation would."""

    google: LocalGoogle
    name: str
    endpoint: str = ""
    token: str = ""
    physical_id: str | None = None
    old: Json | None = None
    seconds: float = 120.0
    changed: Json = field(default_factory=dict)

    @property
    def pool(self) -> str:
        """The pool's path."""
        pool_id = self.properties()["Pool"]["Id"]
        return f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/{pool_id}"

    @property
    def provider(self) -> str:
        """The provider's path."""
        return f"{self.pool}/providers/{self.properties()['Provider']['Id']}"

    @property
    def email(self) -> str:
        """The first account's address."""
        return f"{self.properties()['ServiceAccounts'][0]['Name']}@{PROJECT}.iam.gserviceaccount.com"

    @property
    def account(self) -> str:
        """The first account's path."""
        return f"iam/v1/projects/{PROJECT}/serviceAccounts/{self.email}"

    @property
    def member(self) -> str:
        """The first account as a member."""
        return f"serviceAccount:{self.email}"

    def principals(self, role: str = "") -> str:
        """The members that an AWS role stands for."""
        pool = self.properties()["Pool"]["Id"]
        base = f"principalSet://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}"
        return f"{base}/attribute.aws_role/{role or self.name + '-role'}"

    def properties(self) -> Json:
        """The properties, with `changed` over the usual ones."""
        return {**usual(self.name), **self.changed}

    def send(self, kind: str, **more: Any) -> Json:
        """Have the handler work on one event; its one answer."""
        with CloudFormation(more.pop("statuses", [])).listening() as cloudformation:
            properties = {**self.properties(), "ServiceToken": "arn:aws:lambda:x", "ServiceTimeout": "360"}
            event = {
                "RequestType": kind,
                "RequestId": "unique-request",
                "StackId": STACK_ID,
                "LogicalResourceId": "GoogleOpen",
                "ResponseURL": cloudformation.url,
                "ResourceProperties": properties,
                **({"PhysicalResourceId": self.physical_id} if self.physical_id else {}),
                **({"OldResourceProperties": self.old} if kind == "Update" else {}),
                **more,
            }
            self.handle(event)
            assert len(cloudformation.answers) == 1
            answer = cloudformation.answers[0]
        assert {key: answer[key] for key in ("StackId", "RequestId", "LogicalResourceId")} == {
            key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")
        }
        if kind != "Delete" and answer["Status"] == "SUCCESS":
            self.physical_id, self.old = answer["PhysicalResourceId"], deepcopy(self.properties())
        return answer

    def handle(self, event: Json) -> None:
        """The handler's part, with the endpoint of the local Google."""
        os.environ["KEYLESS_GOOGLE_ENDPOINT"] = (self.endpoint or self.google.url) + "/{service}"
        os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "keyless-federation-dev-eu-west-1"
        try:
            with BearerSession(self.token or self.google.token) as session:
                federation_handler.handle(event, LambdaContext(self.seconds), lambda: session, patience=0)
        finally:
            del os.environ["KEYLESS_GOOGLE_ENDPOINT"], os.environ["AWS_LAMBDA_FUNCTION_NAME"]

    def succeed(self, kind: str, **more: Any) -> int:
        """An event that must end well; the number of changes."""
        answer = self.send(kind, **more)
        assert answer["Status"] == "SUCCESS", answer["Reason"]
        return int(answer["Data"].get("Changes", -1))

    def fail(self, kind: str, **more: Any) -> str:
        """An event that must fail; the reason."""
        answer = self.send(kind, **more)
        assert answer["Status"] == "FAILED"
        reason: str = answer["Reason"]
        return reason

    def change(self, **properties: Any) -> Self:
        """Other properties from here on."""
        self.changed = {**self.changed, **properties}
        return self


def usual(name: str) -> Json:
    """Properties of a small federation, as the CDK construct writes them."""
    return {
        "Project": PROJECT,
        "ProjectNumber": NUMBER,
        "Owner": f"{ACCOUNT}/{REGION}/{name}",
        "Apis": ["iam.googleapis.com", "bigquery.googleapis.com"],
        "Pool": {"Id": f"pool-{name}", "DisplayName": f"pool-{name}", "Retain": "true"},
        "Provider": provider(name, f"{name}-role"),
        "ServiceAccounts": [account(f"aws-{name}", f"{name}-role")],
    }


def provider(name: str, *roles: str) -> Json:
    """A provider's properties."""
    listed = ", ".join(f"'{role}'" for role in roles)
    return {
        "Id": f"provider-{name}",
        "DisplayName": f"provider-{name}",
        "AwsAccount": ACCOUNT,
        "Mapping": {
            "google.subject": "assertion.arn",
            "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
        },
        "Condition": f"assertion.account == '{ACCOUNT}' && attribute.aws_role in [{listed}]",
    }


def account(
    name: str, *roles: str, grants: tuple[Mapping[str, str], ...] = ({"Role": "roles/bigquery.jobUser"},)
) -> Json:
    """A service account's properties."""
    return {
        "Name": name,
        "DisplayName": name,
        "AwsRoles": list(roles),
        "Impersonation": ["roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"],
        "Grants": [dict(grant) for grant in grants],
    }
