"""After an update that was rolled back: what its opening had widened is taken away again.

CloudFormation sends the opening resource its old properties first, while functions may still run as the new
roles, and afterwards nothing to anybody. EventBridge then tells that the stack is at rest, and its template
says what is wanted again, its events what the update had attempted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import boto3

from keyless_federation.errors import InvalidProperties
from keyless_federation.model.federation import RESOURCE_TYPE, Federation, Phase

from .cloudformation import Event

STATUS_CHANGE = "CloudFormation Stack Status Change"
ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
STACK = "AWS::CloudFormation::Stack"


def goes_back(event: Event, federation: Federation, status: str) -> bool:
    """Whether an event takes back what never came about, and of which nothing is known to have been written.

    `status` is the stack's, empty where it is not known.
    """
    if event.kind == "Delete":
        return event.physical_id != federation.physical_id
    return event.kind == "Update" and "ROLLBACK" in status


def stack_of(raw: Mapping[str, Any]) -> str | None:
    """The stack that this event tells of; None for CloudFormation's own requests."""
    return raw["detail"]["stack-id"] if raw.get("detail-type") == STATUS_CHANGE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A federation as it is to be again, and as the update had wanted it, where CloudFormation still tells."""

    wanted: Federation
    attempted: Federation | None = None


def restored(stack_id: str) -> list[Restored]:
    """The federations of a stack that was rolled back; none when it is being deployed again by now."""
    cloudformation = boto3.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    if stack["StackStatus"] != ROLLED_BACK:
        return []
    federations = dict(_federations(template_of(cloudformation, stack_id)))
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    attempted = _attempted(event for page in pages for event in page["StackEvents"])
    return [
        Restored(wanted=settled, attempted=attempted.get(logical_id))
        for settled in federations.values()
        if settled.phase is Phase.SETTLE
        for logical_id, opened in federations.items()
        if opened.id == settled.id and opened.phase is Phase.OPEN
    ]


def template_of(cloudformation: Any, stack_id: str) -> Mapping[str, Any]:
    """What a stack is made of; while an update is rolled back, what it goes back to."""
    template = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    found: Mapping[str, Any] = json.loads(template) if isinstance(template, str) else template
    return found


def _federations(template: Mapping[str, Any]) -> Iterator[tuple[str, Federation]]:
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == RESOURCE_TYPE:
            yield logical_id, Federation.from_properties(resource.get("Properties", {}))


def _attempted(events: Iterable[Mapping[str, Any]]) -> dict[str, Federation]:
    """What the last update first asked of each federation, from a stack's events, newest first."""
    found: dict[str, Federation] = {}
    for event in events:
        if event["ResourceType"] == STACK and event["ResourceStatus"] == "UPDATE_IN_PROGRESS":
            return found
        if event["ResourceType"] == RESOURCE_TYPE and event.get("ResourceProperties"):
            with suppress(InvalidProperties, ValueError):
                found[event["LogicalResourceId"]] = Federation.from_properties(json.loads(event["ResourceProperties"]))
    return found
