"""A local Google to speak to in tests: in this process when only its state matters, else as a real server."""

import asyncio
import json
import os
import sys
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.applications import Starlette

from local.google.app import create_app
from local.google.cloud import Cloud, Settings
from local.google.iam.principals import federated
from local.google.iam.tokens import CLOUD_PLATFORM, Grant
from local.process import Server, free_port

ADMIN_TOKEN = "the-admin-token-of-a-test"
PROJECT, NUMBER = "keyless-local", "472918365047"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
APIS = ["iam.googleapis.com", "iamcredentials.googleapis.com", "sts.googleapis.com", "bigquery.googleapis.com"]
POOLS = f"/iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools"
POOL_NAME = f"projects/{NUMBER}/locations/global/workloadIdentityPools/aws-pool"
AUDIENCE = f"//iam.googleapis.com/{POOL_NAME}/providers/aws-provider"
MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
    "attribute.aws_account": "assertion.account",
}
CONDITION = (
    f"assertion.account == '{ACCOUNT}' && assertion.arn.startsWith('arn:aws:sts::{ACCOUNT}:assumed-role/')"
    " && attribute.aws_role in ['reader-role']"
)

Json = dict[str, Any]


@dataclass(slots=True)
class Google:
    """A client of the local Google, the admin's unless a call names another token."""

    http: httpx.Client
    token: str = ADMIN_TOKEN

    def call(
        self, verb: str, path: str, body: Json | None = None, *, token: str | None = None, **headers: str
    ) -> httpx.Response:
        """Make a request; header names are given with _ for -."""
        sent = {"authorization": f"Bearer {token or self.token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(verb, path, json=body, headers=sent)

    def ok(self, verb: str, path: str, body: Json | None = None, *, token: str | None = None, **headers: str) -> Json:
        """Make a request that must succeed; its JSON."""
        answer = self.call(verb, path, body, token=token, **headers)
        assert answer.is_success, f"{verb} {path}: {answer.status_code} {answer.text}"
        document: Json = answer.json() if answer.content else {}
        return document

    def refused(self, code: int, status: str, verb: str, path: str, body: Json | None = None, **more: Any) -> str:
        """Make a request that must be refused with this code and status; the message."""
        answer = self.call(verb, path, body, **more)
        assert answer.status_code == code, f"{verb} {path}: {answer.status_code} {answer.text}"
        error = answer.json()["error"]
        assert (error["code"], error["status"]) == (code, status)
        message: str = error["message"]
        return message

    def enable_apis(self, *names: str) -> None:
        """Enable APIs; without names, all that the chain needs."""
        path = f"/serviceusage/v1/projects/{PROJECT}/services:batchEnable"
        self.ok("POST", path, {"serviceIds": list(names or APIS)})

    def account(self, account_id: str) -> str:
        """A new service account's email."""
        made = self.ok("POST", f"/iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": account_id})
        email: str = made["email"]
        return email

    def pool(self, condition: str = CONDITION, account: str = ACCOUNT) -> None:
        """The pool aws-pool with its AWS provider aws-provider."""
        self.ok("POST", f"{POOLS}?workloadIdentityPoolId=aws-pool", {})
        provider = {"aws": {"accountId": account}, "attributeMapping": MAPPING, "attributeCondition": condition}
        self.ok("POST", f"{POOLS}/aws-pool/providers?workloadIdentityPoolProviderId=aws-provider", provider)

    def grant(self, role: str, *members: str, condition: Json | None = None) -> None:
        """Bind a role on the project, beside all others."""
        self._bind(f"/cloudresourcemanager/v1/projects/{PROJECT}", role, members, condition)

    def grant_on_account(self, email: str, role: str, *members: str) -> None:
        """Bind a role on a service account, beside all others."""
        self._bind(f"/iam/v1/projects/{PROJECT}/serviceAccounts/{email}", role, members, None)

    def _bind(self, resource: str, role: str, members: tuple[str, ...], condition: Json | None) -> None:
        policy = self.ok("POST", f"{resource}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
        binding: Json = {"role": role, "members": list(members)}
        bindings = [*policy.get("bindings", []), {**binding, "condition": condition} if condition else binding]
        policy = {"version": 3, "etag": policy["etag"], "bindings": bindings}
        self.ok("POST", f"{resource}:setIamPolicy", {"policy": policy})

    def impersonate(self, email: str, token: str) -> str:
        """An access token of the account, for whoever holds `token`."""
        path = f"/iamcredentials/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        made: str = self.ok("POST", path, {"scope": [CLOUD_PLATFORM]}, token=token)["accessToken"]
        return made

    def exchange(self, request: Json, **changed: str) -> httpx.Response:
        """Exchange a signed request for a federated token; `changed` overrides parameters, "" leaves one out."""
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": AUDIENCE,
            "scope": CLOUD_PLATFORM,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
            "subject_token": urllib.parse.quote(json.dumps(request)),
        } | changed
        return self.http.post("/sts/v1/token", data={key: value for key, value in form.items() if value})

    def audit(self, since: int = 0) -> list[Json]:
        """The audit entries from index `since` on."""
        entries: list[Json] = self.ok("GET", f"/_local/audit?since={since}")["entries"]
        return entries


@dataclass(slots=True)
class InProcess(Google):
    """A local Google in this process, with a look at its state."""

    cloud: Cloud = field(kw_only=True)

    def federated_token(self, role: str = "reader-role", scope: str = CLOUD_PLATFORM) -> str:
        """A token as STS would give it to a session of this AWS role."""
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/fn"
        principal = federated(NUMBER, "aws-pool", arn, {"aws_role": role, "aws_account": ACCOUNT})
        pool = self.cloud.pools.find(NUMBER, "aws-pool")
        assert pool is not None
        return self.cloud.tokens.issue(
            "ya29.d.", Grant(principal, frozenset({scope}), time.time() + 60, lambda: pool.usable)
        )

    def account_token(self, account_id: str) -> str:
        """The token of a new service account, without any binding."""
        email = self.account(account_id)
        self.grant_on_account(email, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")
        return self.impersonate(email, ADMIN_TOKEN)


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: Starlette) -> None:
        self._transport = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


def in_process(*, apis: bool = True, aws_endpoint: str = "http://127.0.0.1:1", **settings: Any) -> InProcess:
    """A new, empty cloud without BigQuery."""
    cloud = Cloud.start(Settings(aws_endpoint=aws_endpoint, admin_token=ADMIN_TOKEN, **settings))
    google = InProcess(httpx.Client(transport=_InProcess(create_app(cloud)), base_url="http://google"), cloud=cloud)
    if apis:
        google.enable_apis()
    return google


@contextmanager
def server(folder: Path, aws_endpoint: str = "http://127.0.0.1:1", *options: str) -> Iterator[tuple[Google, Server]]:
    """The local Google as its users start it."""
    port = free_port()
    command = [sys.executable, "-m", "local", "google", "--port", str(port), "--aws-endpoint", aws_endpoint, *options]
    env = {"PATH": os.defpath, "GOOGLE_ADMIN_TOKEN": ADMIN_TOKEN, "TMPDIR": str(folder)}
    running = Server.start("local Google", command, env=env, log=folder / "google.log")
    try:
        running.wait_until_healthy(f"http://127.0.0.1:{port}/healthz")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            yield Google(http), running
    finally:
        running.stop()


@contextmanager
def aws(folder: Path) -> Iterator[str]:
    """MiniStack that verifies signatures; its address."""
    port = free_port()
    env = {
        "PATH": os.defpath,
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AUTH": "true",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    command = [str(Path(sys.executable).with_name("ministack"))]
    running = Server.start("MiniStack", command, env=env, log=folder / "aws.log")
    try:
        running.wait_until_healthy(f"http://127.0.0.1:{port}/_ministack/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        running.stop()


def signed(
    credentials: Credentials,
    *,
    host: str = f"sts.{REGION}.amazonaws.com",
    audience: str = AUDIENCE,
    sign_audience: bool = True,
    more: Mapping[str, str] | None = None,
) -> Json:
    """The request in a subject token: GetCallerIdentity, signed for `audience`."""
    url = f"https://{host}?Action=GetCallerIdentity&Version=2011-06-15"
    target = {"x-goog-cloud-target-resource": audience}
    request = AWSRequest("POST", url, headers={"host": host, **(target if sign_audience else {}), **(more or {})})
    SigV4Auth(credentials, "sts", REGION).add_auth(request)
    headers = {**dict(request.headers.items()), **target}
    return {"url": url, "method": "POST", "headers": [{"key": key, "value": value} for key, value in headers.items()]}


def with_header(request: Json, name: str, value: str | None) -> Json:
    """A subject token's request with a header changed, or with `None` left out."""
    headers = [header for header in request["headers"] if header["key"].lower() != name]
    return {**request, "headers": headers if value is None else [*headers, {"key": name, "value": value}]}
