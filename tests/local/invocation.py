"""What the custom resource's Lambda is invoked with: CloudFormation, which takes an answer, and Lambda's context."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from functions.gcp_federation.cloudformation import Event
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
    """What CloudFormation tells of every stack: its status, empty where it tells nothing, and a successor."""

    said: str = ""
    heir: Federation | None = None

    def status(self, kind: str) -> str:
        """Return the same for every request."""
        return self.said

    def successor(self, event: Event, federation: Federation) -> Federation | None:
        """Return the same for every resource."""
        return self.heir


def untold(stack_id: str) -> Told:
    """Return the view of a stack of which CloudFormation tells nothing."""
    return Told()


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """Lambda's context with `seconds` left."""

    seconds: float = 120.0
    aws_request_id: str = "11112222-request"
    log_stream_name: str = "2026/01/01/[$LATEST]stream"

    def get_remaining_time_in_millis(self) -> int:
        """What is left, as if no time had passed."""
        return int(self.seconds * 1000)
