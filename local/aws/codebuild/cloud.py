"""The AWS that a build and CodeBuild itself see: with the rights of the project's role and no others."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.codebuild.credentials import Issue

SERVICE_LIFETIME = 36 * 3600.0
"""CodeBuild's own session must outlive every build; what a build itself is given is shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """How to reach it, and who makes credentials of the role."""

    endpoint: str
    region: str
    issue: Issue

    def client(self, service: str) -> Any:
        """A client with the role's rights."""
        keys = self.issue(SERVICE_LIFETIME)
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )


class Log:
    """A build's log stream, written with the role's rights; `open` raises botocore's ClientError without them."""

    def __init__(self, project: Mapping[str, Any], build: str) -> None:
        configured = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
        self.group: str = configured.get("groupName") or f"/aws/codebuild/{project['name']}"
        self.stream = "/".join(filter(None, (configured.get("streamName"), build)))
        self._enabled = configured.get("status", "ENABLED") == "ENABLED"
        self._client: Any = None

    def open(self, cloud: Cloud) -> None:
        """Make the stream, and the group where nobody did."""
        if not self._enabled:
            return
        client, names = cloud.client("logs"), {"logGroupName": self.group, "logStreamName": self.stream}
        try:
            client.create_log_stream(**names)
        except client.exceptions.ResourceNotFoundException:
            client.create_log_group(logGroupName=self.group)
            client.create_log_stream(**names)
        self._client = client

    def write(self, lines: list[str]) -> None:
        """Append lines, stamped with this moment. What cannot be logged is lost, as on AWS, and fails no build."""
        if not self._client or not lines:
            return
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": f"{line}\n"} for line in lines]
        try:
            self._client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=events)
        except ClientError:
            self._client = None
