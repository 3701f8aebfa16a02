"""What `python -m keyless exec` lives in: an AWS that verifies signatures, a build's container endpoint whose
credentials really end, the local Google that trusts the build's role, and commands that are started there."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e.secrets_scan import files
from tests.local.google_fixtures import AUDIENCE, NUMBER, PROJECT, REGION, Google, aws, server

ROLE = "reader-role"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
STATE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::state/*"}],
}
LAYER = Path(__file__).parents[2] / "lambda_layer" / "python"
NOWHERE = "http://127.0.0.1:9"


@dataclass(slots=True)
class Build:
    """A build's role, its credentials (good for `lifetime` seconds) and the endpoint that hands them out."""

    aws_endpoint: str
    lifetime: int = 3600
    made: list[dict[str, Any]] = field(default_factory=list)
    port: int = 0

    def client(self, service: str, keys: Mapping[str, Any] | None = None) -> Any:
        """An AWS client with the account's own keys, or a session's."""
        own = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        session = {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        } if keys else own  # fmt: skip
        config = Config(parameter_validation=False)  # sessions shorter than AWS grants
        return boto3.client(service, endpoint_url=self.aws_endpoint, region_name=REGION, config=config, **session)

    def assume(self) -> dict[str, Any]:
        """A new session of the role; its name tells the how-manieth it is."""
        arn = f"arn:aws:iam::123456789012:role/{ROLE}"
        name = f"build-{len(self.made) + 1}"
        given: dict[str, Any] = self.client("sts").assume_role(
            RoleArn=arn, RoleSessionName=name, DurationSeconds=self.lifetime
        )["Credentials"]
        self.made.append(given)
        return given

    def answer(self) -> dict[str, str]:
        """What the endpoint says: the latest session while half of its life is left, as CodeBuild renews ahead."""
        latest = self.made[-1] if self.made else None
        ahead = datetime.now(UTC) + timedelta(seconds=self.lifetime / 2)
        given = latest if latest and latest["Expiration"] > ahead else self.assume()
        names = {"AccessKeyId": "AccessKeyId", "SecretAccessKey": "SecretAccessKey", "Token": "SessionToken"}
        return {name: given[theirs] for name, theirs in names.items()} | {
            "RoleArn": f"arn:aws:iam::123456789012:role/{ROLE}",
            "Expiration": given["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def wait_until_ended(self, keys: Mapping[str, Any]) -> None:
        """Return when AWS no longer takes these keys."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                self.client("sts", keys).get_caller_identity()
            except ClientError as error:
                if error.response["Error"]["Code"] == "ExpiredToken":
                    return
                raise
            time.sleep(0.1)
        raise AssertionError("the keys do not end")

    def in_container(self) -> dict[str, str]:
        """Where an environment such as CodeBuild's says that the credentials are."""
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self.port}/v2/credentials/build"}

    def exported(self) -> dict[str, str]:
        """A new session in variables."""
        keys = self.assume()
        names = {
            "ACCESS_KEY_ID": "AccessKeyId",
            "SECRET_ACCESS_KEY": "SecretAccessKey",
            "SESSION_TOKEN": "SessionToken",
        }
        return {f"AWS_{name}": keys[theirs] for name, theirs in names.items()}

    def secrets(self) -> set[str]:
        """All that must be found nowhere."""
        return {keys[name] for keys in self.made for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}


@dataclass(frozen=True, slots=True)
class World:
    """Both clouds, the build, and the service account that it may become."""

    google: Google
    build: Build
    account: str
    folder: Path

    def environ(self, credentials: Mapping[str, str], **more: str) -> dict[str, str]:
        """A build's environment; what would leave this machine finds a proxy where nobody is."""
        endpoint = str(self.google.http.base_url).rstrip("/")
        return {
            "PATH": os.defpath,
            "PYTHONPATH": str(LAYER),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "HTTPS_PROXY": NOWHERE,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.build.aws_endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "KEYLESS_AUDIENCE": AUDIENCE,
            "KEYLESS_SERVICE_ACCOUNT": self.account,
            "KEYLESS_GOOGLE_ENDPOINT": f"{endpoint}/{{service}}",
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "BIGQUERY": f"{endpoint}/bigquery/bigquery/v2",
            **credentials,
            **more,
        }

    def start(self, *command: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Start a command with pipes for all that it reads and says."""
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=dict(environ), stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def execute(self, *command: str, environ: Mapping[str, str]) -> "subprocess.Popen[str]":
        """The same under `exec`."""
        return self.start(sys.executable, "-m", "keyless", "exec", "--", *command, environ=environ)

    def left_in(self, folder: Path) -> dict[str, str]:
        """What files are left in a folder for temporary files; `exec`'s own goes a moment after the command."""
        end = time.monotonic() + 60
        while list(folder.glob("keyless-*")):
            assert time.monotonic() < end
            time.sleep(0.02)
        return files([folder])

    def who_queried(self, since: int) -> list[tuple[str, str]]:
        """Who made BigQuery jobs, and with which session of which role, from the audit log's entry `since` on."""
        entries = [entry for entry in self.google.audit(since) if entry["service"] == "bigquery.googleapis.com"]
        return [(entry["principal"], (entry["delegation"] or "").rpartition("/")[2]) for entry in entries]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Both clouds, with a service account and the role itself each allowed to make queries."""
    with aws(folder) as aws_endpoint, server(folder, aws_endpoint) as (google, _):
        google.enable_apis()
        google.pool()
        build = Build(aws_endpoint)
        build.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(TRUST))
        build.client("iam").put_role_policy(RoleName=ROLE, PolicyName="state", PolicyDocument=json.dumps(STATE))
        build.client("s3").create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": REGION})
        account = google.account("terraform")
        pool = f"//iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/aws-pool"
        member = f"principalSet:{pool}/attribute.aws_role/{ROLE}"
        google.grant_on_account(account, "roles/iam.workloadIdentityUser", member)
        google.grant("roles/bigquery.jobUser", f"serviceAccount:{account}", member)
        with _endpoint(build.answer) as build.port:
            yield World(google, build, account, folder)


@contextmanager
def _endpoint(answer: Callable[[], Mapping[str, str]]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield listening.server_port
        listening.shutdown()
        thread.join()
