"""A project of the local CodeBuild for tests, with a role of its own, and its builds followed to their end."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped] # it ships no types

from tests.local.aws_lab import REGION, LocalAws, archive

PATIENCE = 120.0
BUCKET = "keyless-builds"
ENDED = ("SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED")
LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


@dataclass(frozen=True, slots=True)
class Project:
    """A project without artifacts whose source is one file, `hello.txt`, unless it was made otherwise."""

    aws: LocalAws
    name: str

    @property
    def codebuild(self) -> Any:
        return self.aws.client("codebuild")

    def start(self, spec: Mapping[str, Any] | str, **variables: str) -> str:
        """Start a build of `spec`; its ID."""
        given = [{"name": name, "value": value} for name, value in variables.items()]
        answer = self.codebuild.start_build(
            projectName=self.name, buildspecOverride=text(spec), environmentVariablesOverride=given
        )
        build_id: str = answer["build"]["id"]
        return build_id

    def build(self, spec: Mapping[str, Any] | str, **variables: str) -> dict[str, Any]:
        """Run a build to its end; what BatchGetBuilds says then."""
        return ended(self.codebuild, self.start(spec, **variables))

    def printed(self, spec: Mapping[str, Any] | str, **variables: str) -> list[str]:
        """What a build's commands printed, in order, after its success."""
        build = self.build(spec, **variables)
        assert build["buildStatus"] == "SUCCEEDED", "\n".join(log(self.aws.client("logs"), build))
        return [line for line in log(self.aws.client("logs"), build) if not line.startswith("[Container]")]


def text(spec: Mapping[str, Any] | str) -> str:
    """A specification as YAML."""
    return spec if isinstance(spec, str) else yaml.safe_dump({"version": 0.2, **spec}, sort_keys=False)


def ended(codebuild: Any, build_id: str) -> dict[str, Any]:
    """A build, once it has ended."""
    return waited(codebuild, build_id, lambda build: build["buildStatus"] in ENDED)


def waited(codebuild: Any, build_id: str, condition: Any) -> dict[str, Any]:
    """A build, once `condition` holds of it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        build: dict[str, Any] = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
        if condition(build):
            return build
        assert time.monotonic() < deadline, build["phases"]
        time.sleep(0.05)


def log(logs: Any, build: Mapping[str, Any]) -> list[str]:
    """A build's whole log, line by line."""
    where = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    return [event["message"].rstrip("\n") for event in logs.get_log_events(**where, startFromHead=True)["events"]]


def statuses(build: Mapping[str, Any]) -> dict[str, str]:
    """How each phase ended, in order."""
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def commands(**phases: list[str]) -> dict[str, Any]:
    """A specification with nothing but these commands."""
    return {"phases": {name: {"commands": given} for name, given in phases.items()}}


def make_project(
    aws: LocalAws, *, actions: list[str] | None = None, service: str = "codebuild.amazonaws.com", **given: Any
) -> Project:
    """A project, its role with `actions` on everything, by default those of the log and of the source."""
    name = f"builds-{uuid.uuid4().hex[:8]}"
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    allowed = actions if actions is not None else [*LOGS, "s3:GetObject", "s3:PutObject"]
    statement = {"Effect": "Allow", "Action": allowed or ["none:none"], "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="rights", PolicyDocument=document(statement))
    image = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    defaults = {
        "source": put_source(aws, "source.zip", {"hello.txt": "hello\n"}),
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": image,
        "serviceRole": role,
    }
    aws.client("codebuild").create_project(name=name, **{**defaults, **given})
    return Project(aws, name)


def put_source(aws: LocalAws, key: str, files: dict[str, str]) -> dict[str, str]:
    """A source of these files, in the bucket of all sources; as a project names it."""
    s3 = aws.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive(files))
    return {"type": "S3", "location": f"{BUCKET}/{key}"}


def document(*statements: Mapping[str, Any]) -> str:
    """A policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
