"""What CloudFormation asks of a stack's resources, one request after another, and what it makes of the answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.local.federation_properties import ACCOUNT, REGION
from tests.local.schedules.delivery import Delivery
from tests.local.schedules.faults import CALM, Trouble

Json = dict[str, Any]
CLEAN_ATTEMPTS = 2


@dataclass(slots=True)
class Conversation:
    """That with one stack; each next request meets the next of the `troubles`."""

    name: str
    phases: dict[str, str]
    delivery: Delivery
    troubles: Iterator[Trouble] = field(default_factory=lambda: iter(()))

    def until(self, name: str, kind: str, physical_id: str, properties: Json, old: Json | None = None) -> Json:
        """Send it until it succeeds, as a person would have CloudFormation do; at most twice without any fault."""
        clean = 0
        while True:
            trouble = next(self.troubles, CALM)
            clean += trouble == CALM
            answer = self.send(name, kind, physical_id, properties, old, trouble)
            if answer and succeeded(answer):
                return answer
            if clean >= CLEAN_ATTEMPTS:
                self.delivery.world.problems.append(f"stuck: {kind} of {name} fails without a fault: {answer}")
                return answer or {"PhysicalResourceId": physical_id}

    def send(
        self,
        name: str,
        kind: str,
        physical_id: str | None,
        properties: Json,
        old: Json | None = None,
        trouble: Trouble | None = None,
    ) -> Json | None:
        event = {
            "RequestType": kind,
            "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.name}/0f0e",
            "LogicalResourceId": name,
            "ResourceProperties": properties,
            **({"PhysicalResourceId": physical_id} if physical_id else {}),
            **({"OldResourceProperties": old} if old is not None else {}),
        }
        return self.delivery.send(event, trouble or next(self.troubles, CALM))

    def turn(self, status: str) -> None:
        self.delivery.status = status
        self.delivery.world.story.append(f"stack {self.name}: {status}")


def succeeded(answer: Json | None) -> bool:
    """Whether an event was answered, and well."""
    return answer is not None and answer["Status"] == "SUCCESS"
