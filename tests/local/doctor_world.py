"""Where chains are broken for the doctor: both local clouds, and servers that stand for what is on the way.

A stage breaks one thing and yields the environment in which the doctor then looks; STAGES has all of them, and
docs/doctor.md their table.
"""

import itertools
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
from keyless.doctor import Report, examine
from keyless.doctor.report import Check

from tests.local.google_fixtures import (
    ACCOUNT,
    CONDITION,
    MAPPING,
    NUMBER,
    POOLS,
    PROJECT,
    REGION,
    Google,
    aws,
    server,
)

LAYER = Path(__file__).parents[2] / "lambda_layer" / "python"
NOWHERE = "http://127.0.0.1:9"
ROLE, SESSION = "reader-role", "fn"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
NAMES = {"AccessKeyId": "ACCESS_KEY_ID", "SecretAccessKey": "SECRET_ACCESS_KEY", "SessionToken": "SESSION_TOKEN"}

Environ = dict[str, str]

AHEAD = """
import datetime, os, sys, time
from google.auth import _helpers
real, utcnow, ahead = time.time, _helpers.utcnow, float(os.environ.pop("AHEAD"))
time.time = lambda: real() + ahead  # the machine's clock, which a test must not set
_helpers.utcnow = lambda: utcnow() + datetime.timedelta(seconds=ahead)
from keyless.__main__ import main
sys.exit(main(["doctor", "--json"]))
"""


@dataclass(slots=True)
class Clouds:
    """Both clouds, in which each stage has a pool, a provider and a service account of its own."""

    folder: Path
    aws: str
    google: Google
    number: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    keys: dict[tuple[str, str], Environ] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """An AWS client with the account's own keys."""
        own = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.aws, region_name=REGION, **own)

    def session(self, role: str = ROLE, session: str = SESSION) -> Environ:
        """Credentials of a role's session, as Lambda has them in variables."""
        if (role, session) not in self.keys:
            iam = self.client("iam")
            if role not in {named for named, _ in self.keys}:
                iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
            arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
            made = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
            self.keys[role, session] = {f"AWS_{name}": made[theirs] for theirs, name in NAMES.items()}
        return self.keys[role, session]

    def chain(
        self,
        changed: Mapping[str, str] | None = None,
        *,
        condition: str = CONDITION,
        account: str = ACCOUNT,
        bind: str | None = "attribute.aws_role/" + ROLE,
        job_user: bool = True,
        keys: Environ | None = None,
    ) -> Environ:
        """A new chain, whole but for what is said; `changed` are variables of its environment, "" leaves one out."""
        pool, google = f"pool-{next(self.number):03}", self.google
        google.ok("POST", f"{POOLS}?workloadIdentityPoolId={pool}", {})
        provider = {"aws": {"accountId": account}, "attributeMapping": MAPPING, "attributeCondition": condition}
        google.ok("POST", f"{POOLS}/{pool}/providers?workloadIdentityPoolProviderId=aws-provider", provider)
        email = google.account(f"reader-{pool}")
        if job_user:
            google.grant("roles/bigquery.jobUser", f"serviceAccount:{email}")
        if bind:
            kind = "principal" if bind.startswith("subject/") else "principalSet"
            member = (
                f"{kind}://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}/{bind}"
            )
            google.grant_on_account(email, "roles/iam.workloadIdentityUser", member)
        whole = {
            "AWS_ENDPOINT_URL": self.aws,
            "AWS_REGION": REGION,
            **(self.session() if keys is None else keys),
            "KEYLESS_AUDIENCE": audience(pool),
            "KEYLESS_SERVICE_ACCOUNT": email,
            "KEYLESS_GOOGLE_ENDPOINT": f"{self.google.http.base_url}".rstrip("/") + "/{service}",
            "KEYLESS_APIS": "bigquery",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }
        return {name: value for name, value in (whole | dict(changed or {})).items() if value}

    def pool_of(self, environ: Environ) -> str:
        """The path of a chain's pool."""
        return f"{POOLS}/{environ['KEYLESS_AUDIENCE'].split('/')[8]}"


@dataclass(slots=True)
class World(Clouds):
    """The clouds, and a second Google where what IAM is told is seen late."""

    late: Google = field(kw_only=True)

    @property
    def slow(self) -> Clouds:
        """The same AWS with the Google whose IAM is slow."""
        return Clouds(self.folder, self.aws, self.late, self.number, self.keys)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """All of it."""
    with ExitStack() as stack:
        at = stack.enter_context(aws(folder))
        google, late = (stack.enter_context(_google(folder, at, *more)) for more in ((), ("--propagation-delay", "5")))
        yield World(folder, at, google, late=late)


@contextmanager
def _google(folder: Path, at: str, *options: str) -> Iterator[Google]:
    own = folder / f"google{len(options)}"
    own.mkdir()
    with server(own, at, *options) as (google, _):
        google.enable_apis()
        yield google


def audience(pool: str, provider: str = "aws-provider", project: str = NUMBER) -> str:
    """A provider's full name."""
    return f"//iam.googleapis.com/projects/{project}/locations/global/workloadIdentityPools/{pool}/providers/{provider}"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Something broken, and what the doctor must say of it.

    what: in words. failure, link, verdict: of the check that tells of it. says: what must stand in it besides. how:
    `clouds` breaks the thing itself on the local clouds, `machine` breaks this machine or what is on the way, `words`
    has a server say what Google or AWS says. ahead: seconds that the machine's clock is ahead.
    """

    what: str
    failure: str
    link: str
    how: str = "clouds"
    verdict: str = "broken"
    says: str = ""
    table: str | None = None
    pauses: Sequence[float] = (0.05,)
    ahead: float = 0.0
    breaks: Callable[[World], AbstractContextManager[Mapping[str, str]]]

    @cached_property
    def name(self) -> str:
        """The name of the function that breaks it."""
        return str(getattr(self.breaks, "__name__", "")).replace("_", "-")

    def examined(self, environ: Mapping[str, str]) -> Report:
        """What the doctor says in this environment: here, or in a process of another time."""
        if not self.ahead:
            return examine(environ, table=self.table, pauses=self.pauses)
        env = {**environ, "PATH": os.defpath, "PYTHONPATH": str(LAYER), "AHEAD": str(self.ahead)}
        done = subprocess.run([sys.executable, "-c", AHEAD], env=env, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        said = json.loads(done.stdout)
        assert done.returncode == said["exit_code"]
        return Report(tuple(Check(**{**check, "more": tuple(check["more"])}) for check in said["checks"]))


STAGES: list[Stage] = []


def staged(
    what: str, *, failure: str, link: str, **more: Any
) -> Callable[[Callable[[World], Iterator[Mapping[str, str]]]], None]:
    """Makes a stage of a function that breaks something, yields the environment, and mends what it broke."""

    def register(breaks: Callable[[World], Iterator[Mapping[str, str]]]) -> None:
        STAGES.append(Stage(what=what, failure=failure, link=link, breaks=contextmanager(breaks), **more))

    return register


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything with this; its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_CONNECT = _answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
