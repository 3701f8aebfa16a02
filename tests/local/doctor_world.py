"""Where chains are broken for the doctor: both local clouds; every chain has a pool and an account of its own."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

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


@contextmanager
def disabled(world: World, api: str) -> Iterator[None]:
    """While inside, the API is not enabled."""
    world.google.ok("POST", f"/serviceusage/v1/projects/{PROJECT}/services/{api}:disable", {})
    try:
        yield
    finally:
        world.google.enable_apis(api)


@contextmanager
def quota(world: World, method: str) -> Iterator[None]:
    """While inside, no call of the method is within its quota."""
    world.google.ok("PUT", "/_local/quota", {"quotas": [f"{method}=0/60s"]})
    try:
        yield
    finally:
        world.google.ok("PUT", "/_local/quota", {"quotas": []})
