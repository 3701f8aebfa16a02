"""What the custom resource's Lambda is invoked with: CloudFormation, which takes an answer, and Lambda's context."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from functions.gcp_federation.cloudformation import Event
from functions.gcp_federation.facts import Due
from keyless_federation.model.federation import Federation
from tests.local.loopback import Quiet, on_loopback

Json = dict[str, Any]


@dataclass(slots=True)
class CloudFormation:
    """Takes answers at a signed URL. `statuses` are given to the first PUTs, then all are taken."""

    statuses: list[int] = field(default_factory=list)
    answers: list[Json] = field(default_factory=list)
    puts: int = 0
    url: str = ""
    answered: threading.Event = field(default_factory=threading.Event)

    def take(self, body: bytes, content_type: str | None) -> int:
        """Hear an answer; the status for it."""
        self.puts += 1
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            assert not content_type
            assert len(body) <= 4096
            self.answers.append(json.loads(body))
            self.answered.set()
        return status

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen until the block ends."""
        with on_loopback(_ear(self)) as base:
            self.url = f"{base}/response?X-Amz-Signature=deadbeef"
            yield self


def _ear(cloudformation: CloudFormation) -> type[BaseHTTPRequestHandler]:
    class Ear(Quiet):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(cloudformation.take(body, self.headers["Content-Type"]), b"")

    return Ear


@dataclass(frozen=True, slots=True)
class Told:
    """A CloudFormation that asks for what every event says, of a stack in this status, and knows nothing more."""

    said: str = ""
    heir: Federation | None = None
    past: tuple[Federation, ...] = ()

    def require_address(self, event: Event) -> None:
        """Take every address for CloudFormation's."""

    def due(self, event: Event) -> Due:
        """Return what the event says."""
        return Due(status=self.said, properties=event.properties, owner=event.properties.get("Owner", ""))

    def previous(self, event: Event) -> Federation | None:
        """Return nothing: the event tells."""

    def attempted(self, federation: Federation) -> list[Federation]:
        """Return the same for every federation."""
        return list(self.past)

    def successor(self, event: Event, federation: Federation) -> Federation | None:
        """Return the same for every resource."""
        return self.heir


def untold(stack_id: str, function_arn: str) -> Told:
    """Return the view of a stack of whose status nothing is told."""
    return Told()


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """Lambda's context with `seconds` left."""

    seconds: float = 120.0
    aws_request_id: str = "11112222-request"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:keyless-federation-dev-eu-west-1"
    log_stream_name: str = "2026/01/01/[$LATEST]stream"

    def get_remaining_time_in_millis(self) -> int:
        """What is left, as if no time had passed."""
        return int(self.seconds * 1000)
