"""After an update that was rolled back: what its opening had widened is taken away again.

CloudFormation sends the opening resource its old properties first, while functions may still run as the new
roles, and afterwards nothing to anybody. EventBridge then tells that the stack is at rest, and its template
says what is wanted again.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

from .desired import Federation, Phase

STATUS_CHANGE = "CloudFormation Stack Status Change"
ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
RESOURCE_TYPE = "Custom::KeylessFederation"


def stack_of(raw: Mapping[str, Any]) -> str | None:
    """The stack that this event tells of; None for CloudFormation's own requests."""
    return raw["detail"]["stack-id"] if raw.get("detail-type") == STATUS_CHANGE else None


def restored(stack_id: str) -> list[Federation]:
    """The federations of a stack that was rolled back; none when it is being deployed again by now."""
    cloudformation = boto3.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    if stack["StackStatus"] != ROLLED_BACK:
        return []
    template = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    return list(_federations(json.loads(template) if isinstance(template, str) else template))


def _federations(template: Mapping[str, Any]) -> Iterator[Federation]:
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == RESOURCE_TYPE and properties.get("Phase") == Phase.SETTLE:
            yield Federation.from_properties(properties)
