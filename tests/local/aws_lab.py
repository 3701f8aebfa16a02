"""A real local AWS for tests: started as its users start it, spoken to with boto3."""

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from local.process import Server, free_port

ACCOUNT, REGION = "444455556666", "eu-west-1"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
HOST_SECRET = "the-hosts-own-secret"
ROOT = Path(__file__).parents[2]
ANSWERS = """
import json, time, urllib.request
def handler(event, context):
    time.sleep(WAIT)
    names = ("StackId", "RequestId", "LogicalResourceId")
    told = {name: event[name] for name in names}
    answer = {"Status": "SUCCESS", "PhysicalResourceId": event["LogicalResourceId"], **told}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10)
"""


@dataclass(frozen=True, slots=True)
class LocalAws:
    """A running local AWS."""

    server: Server
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, **keys: str) -> Any:
        """A client with the root pair, or with the keys that `assume` answered."""
        keys = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, **keys)

    def assume(self, role: str, session: str) -> dict[str, str]:
        """Temporary keys of a role, as arguments for `client`."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }

    def create_role(self, name: str) -> str:
        statement = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        arn: str = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        return arn

    def answering(self, name: str, wait: int = 0) -> str:
        """Make a function that answers every custom resource with its own logical ID, after `wait` s; its ARN."""
        function = self.client("lambda").create_function(
            FunctionName=name,
            Runtime=PYTHON,
            Role=self.create_role(name),
            Handler="index.handler",
            Code={"ZipFile": archive({"index.py": ANSWERS.replace("WAIT", str(wait))})},
        )
        arn: str = function["FunctionArn"]
        return arn

    def invoke(self, function: str, payload: dict[str, Any] | None = None) -> Any:
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload or {}))
        return json.loads(answer["Payload"].read())

    def log(self, group: str) -> list[str]:
        events = self.client("logs").filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    def deploy(self, stack: str, resources: dict[str, Any], *, update: bool = False) -> dict[str, Any]:
        """Create or update a stack, wait for the end whatever it is, and return its description."""
        cloudformation = self.client("cloudformation")
        change = cloudformation.update_stack if update else cloudformation.create_stack
        outputs = resources.pop("Outputs", {})
        template = json.dumps({"Resources": resources, "Outputs": outputs})
        change(StackName=stack, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
        return self.settled(stack)

    def settled(self, stack: str) -> dict[str, Any]:
        for _ in range(2400):
            description: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
            if not description["StackStatus"].endswith("IN_PROGRESS"):
                return description
            time.sleep(0.05)
        raise AssertionError(f"{stack} is still {description['StackStatus']}")

    def reasons(self, stack: str) -> str:
        events = self.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
        return "\n".join(event.get("ResourceStatusReason", "") for event in events)


@contextmanager
def local_aws(folder: Path, *options: str) -> Iterator[LocalAws]:
    """Start `python -m local aws`, its temporary files under `folder`; stop it at the end."""
    port = free_port()
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOST_SECRET": HOST_SECRET,
        "AWS_PROFILE": "the-hosts-own-profile",
        "TMPDIR": str(folder / "tmp"),
    }
    command = [sys.executable, "-m", "local", "aws", "--port", str(port), "--account", ACCOUNT, *options]
    server = Server.start("local AWS", command, env=environment, log=folder / "aws.log")
    try:
        server.wait_until_healthy(f"http://127.0.0.1:{port}/_ministack/health")
        yield LocalAws(server, port)
    finally:
        server.stop()


def archive(files: dict[str, str]) -> bytes:
    """A zip file with these contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return buffer.getvalue()
