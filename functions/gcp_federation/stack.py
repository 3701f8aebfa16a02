"""What CloudFormation tells of a stack: its status, the resources that it goes on with, what an update attempted."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from keyless_federation.clock import Clock, attempts
from keyless_federation.errors import PropertiesError
from keyless_federation.model.federation import RESOURCE_TYPE, Federation, Phase

from .cloudformation import Event
from .events import RolledBack, is_stale

STATUS_CHANGE = "CloudFormation Stack Status Change"
ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
CLEANING_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
STACK = "AWS::CloudFormation::Stack"
LOOKS = (0.0, 2.0, 5.0)  # seconds before each look: a status that was read too early is no reason to refuse
# Where CloudFormation cannot be reached from here, the time is needed for the work.
PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})

logger = Logger()


class Stack:
    """The stack with this ID, as `events.StackView`."""

    def __init__(self, stack_id: str, clock: Clock = time) -> None:
        self._id, self._clock, self._status = stack_id, clock, ""
        self._cloudformation = boto3.client("cloudformation", config=PATIENCE)

    def status(self, kind: str) -> str:
        """Return the status; one that makes the request stale is read again before it is believed."""
        for _ in attempts(LOOKS, self._clock):
            try:
                (stack,) = self._cloudformation.describe_stacks(StackName=self._id)["Stacks"]
            except (BotoCoreError, ClientError) as error:
                logger.warning("CloudFormation did not tell whether it waits", error=type(error).__name__)
                self._status = ""
                break
            self._status = str(stack["StackStatus"])
            if not is_stale(kind, self._status):
                break
        return self._status

    def successor(self, event: Event, federation: Federation) -> Federation | None:
        """Return the federation of the same names that another resource of the template has.

        While an update is rolled back, the template is the one that the stack goes back to. A resource with a
        condition may not be there, so it is no successor.
        """
        try:
            resources = _template(self._cloudformation, self._id)["Resources"]
        except (BotoCoreError, ClientError) as error:
            logger.warning("CloudFormation did not tell what else is in the stack", error=type(error).__name__)
            return None
        if event.logical_id in resources and self._status != CLEANING_UP:
            return None
        certain = {name: resource for name, resource in resources.items() if "Condition" not in resource}
        for _, found in _federations(certain, invalid=False):
            if found.phase is not Phase.OPEN and (found.project, found.id) == (federation.project, federation.id):
                return found
        return None


def rolled_back_stack(raw: Mapping[str, Any]) -> str | None:
    """Return the stack that an event of EventBridge tells of; None for CloudFormation's own requests."""
    return raw["detail"]["stack-id"] if raw.get("detail-type") == STATUS_CHANGE else None


def rolled_back(stack_id: str) -> list[RolledBack]:
    """Return the federations of a stack that was rolled back; none when it is being deployed again by now."""
    cloudformation = boto3.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    if stack["StackStatus"] != ROLLED_BACK:
        return []
    federations = dict(_federations(_template(cloudformation, stack_id)["Resources"]))
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    attempted = _attempted(event for page in pages for event in page["StackEvents"])
    return [
        RolledBack(wanted=settled, attempted=attempted.get(logical_id))
        for settled in federations.values()
        if settled.phase is Phase.SETTLE
        for logical_id, opened in federations.items()
        if opened.id == settled.id and opened.phase is Phase.OPEN
    ]


def _template(cloudformation: Any, stack_id: str) -> Mapping[str, Any]:
    template = cloudformation.get_template(StackName=stack_id, TemplateStage="Processed")["TemplateBody"]
    found: Mapping[str, Any] = json.loads(template) if isinstance(template, str) else template
    return found


def _federations(resources: Mapping[str, Any], *, invalid: bool = True) -> Iterator[tuple[str, Federation]]:
    """Yield the federations among resources; `invalid` ones raise `PropertiesError`, or are left out."""
    for logical_id, resource in resources.items():
        if resource["Type"] == RESOURCE_TYPE:
            with suppress(*(() if invalid else (PropertiesError,))):
                yield logical_id, Federation.from_properties(resource.get("Properties", {}))


def _attempted(events: Iterable[Mapping[str, Any]]) -> dict[str, Federation]:
    """Return what the last update first asked of each federation, from a stack's events, newest first."""
    found: dict[str, Federation] = {}
    for event in events:
        if event["ResourceType"] == STACK and event["ResourceStatus"] == "UPDATE_IN_PROGRESS":
            return found
        if event["ResourceType"] == RESOURCE_TYPE and event.get("ResourceProperties"):
            with suppress(PropertiesError, ValueError):
                found[event["LogicalResourceId"]] = Federation.from_properties(json.loads(event["ResourceProperties"]))
    return found
