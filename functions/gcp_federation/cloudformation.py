"""CloudFormation's custom resource protocol: what it asks, and exactly one answer, whatever happens.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import requests
from aws_lambda_powertools import Logger

from keyless_federation.clock import Clock, attempts
from keyless_federation.errors import UnprovenRequestError

NEVER_CREATED = "keyless:never-created"
MOST_REASON, MOST_LEFT, MOST_BODY = 1024, 2000, 4096  # CloudFormation takes 4,096 bytes in all
MARGIN = 5.0  # seconds before the Lambda ends, in which the answer is given
ATTEMPTS = 5
LOOPBACK = ("127.0.0.1", "localhost")
INTERNAL = ("ServiceToken", "ServiceTimeout")  # CloudFormation's own, among the properties

logger = Logger()


class Context(Protocol):
    """What is used of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """This invocation's ID."""

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, perhaps with a version or an alias."""

    @property
    def log_stream_name(self) -> str:
        """Where this invocation logs to."""

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One request. The address to answer to is a signed URL: it is never shown."""

    kind: str
    stack_id: str
    request_id: str
    logical_id: str
    physical_id: str | None
    properties: Mapping[str, Any]
    old_properties: Mapping[str, Any] | None
    response_url: str = field(repr=False)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        """From the Lambda's event."""
        old = raw.get("OldResourceProperties")
        return cls(
            kind=raw["RequestType"],
            stack_id=raw["StackId"],
            request_id=raw["RequestId"],
            logical_id=raw["LogicalResourceId"],
            physical_id=raw.get("PhysicalResourceId"),
            properties=without_internal(raw.get("ResourceProperties") or {}),
            old_properties=without_internal(old) if old is not None else None,
            response_url=raw["ResponseURL"],
        )


class Responder:
    """Answers one event once: with what it is told, or with FAILED shortly before the Lambda's time is over.

    `physical_id` is what the resource is called in any answer; set it as soon as anything is about to be written, for
    CloudFormation clears a failed Create away under this name.
    """

    def __init__(self, event: Event, context: Context, clock: Clock = time) -> None:
        self.physical_id, self._clock = event.physical_id or NEVER_CREATED, clock
        self._event, self._lock, self._sent = event, threading.Lock(), False
        self._where = f"log stream {context.log_stream_name}, request {context.aws_request_id}"
        self._timer = threading.Timer(max(0.0, self.remaining(context)), self._expire)
        self._timer.daemon = True
        self._timer.start()

    @staticmethod
    def remaining(context: Context) -> float:
        """The seconds that the work may take."""
        return context.get_remaining_time_in_millis() / 1000 - MARGIN

    def succeed(self, data: Mapping[str, str] | None = None, left: str = "") -> None:
        """Answer SUCCESS with the resource's attributes; `left` tells what stays on Google nevertheless."""
        answer = {"Status": "SUCCESS", "PhysicalResourceId": self.physical_id, "Data": dict(data or {})}
        if left:
            answer |= {"Data": {**(data or {}), "Left": left[:MOST_LEFT]}, "Reason": left[:MOST_REASON]}
        self._answer(answer)

    def fail(self, reason: str) -> None:
        """Answer FAILED; the reason is cut so that where to read more always fits."""
        where = f" ({self._where})"
        self._answer(
            {
                "Status": "FAILED",
                "PhysicalResourceId": self.physical_id,
                "Reason": reason[: MOST_REASON - len(where)] + where,
            }
        )

    def _expire(self) -> None:
        self.fail(
            f"The {self._event.kind} did not end in time. Everything that it does can be done again: deploy again.",
        )

    def _answer(self, answer: dict[str, Any]) -> None:
        with self._lock:
            if self._sent:
                return
            self._sent = True
        self._timer.cancel()
        self._put(self._body(answer))

    def _body(self, answer: dict[str, Any]) -> bytes:
        identity = {
            "StackId": self._event.stack_id,
            "RequestId": self._event.request_id,
            "LogicalResourceId": self._event.logical_id,
        }
        body = json.dumps({**answer, **identity}).encode()
        while len(body) > MOST_BODY and _words(answer):  # those in another script take more bytes
            answer = {**answer, **_words(answer)}
            body = json.dumps({**answer, **identity}).encode()
        return body

    def _put(self, body: bytes) -> None:
        for attempt in attempts((number / 2 for number in range(ATTEMPTS)), self._clock):
            try:
                # S3 signed the URL for an empty content type.
                answer = requests.put(
                    self._event.response_url, data=body, headers={"Content-Type": ""}, timeout=(5, 10)
                )
                answer.raise_for_status()
            except requests.RequestException as error:
                # Its message would show the signed URL.
                logger.warning("CloudFormation did not take the answer", attempt=attempt, error=type(error).__name__)
            else:
                return
        raise ConnectionError("Could not send the response to CloudFormation; failing so that Lambda retries.")


def _words(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says to people, half as long as it is; nothing where there is nothing to cut."""
    reason, data = answer.get("Reason", ""), answer.get("Data", {})
    left = data.get("Left", "")
    shorter = {"Data": {**data, "Left": left[: len(left) // 2]}} if left else {}
    return {**shorter, "Reason": reason[: len(reason) // 2]} if reason else shorter


def require_address(url: str, region: str, endpoint: str) -> None:
    """Raise `UnprovenRequestError` unless an answer to `url` goes to CloudFormation in this region.

    AWS documents the bucket's name (VPC endpoint policies for custom resources). On a machine whose AWS is a local
    one, at the loopback address `endpoint`, it is that one.
    """
    parts, local = urlsplit(url), urlsplit(endpoint)
    bucket = f"cloudformation-custom-resource-response-{region.replace('-', '')}"
    host = re.compile(rf"{bucket}\.s3(?:[.-]{region})?\.amazonaws\.com")
    ours = parts.scheme == "https" and not parts.port and host.fullmatch(parts.hostname or "")
    nearby = local.hostname in LOOPBACK and parts.hostname in LOOPBACK and parts.port == local.port
    if parts.username is not None or not (ours or nearby):
        raise UnprovenRequestError(f"its answer would not go to CloudFormation, but to {parts.hostname}")


def without_internal(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties without CloudFormation's own."""
    return {name: value for name, value in properties.items() if name not in INTERNAL}
