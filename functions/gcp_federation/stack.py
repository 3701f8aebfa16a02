"""What CloudFormation tells of a stack: a request is believed as far as it is told here, and no further.

An event is a doorbell: whoever may invoke the function can send one. What is asked for right now, with which properties
and by whom, is read from the stack and from its events, which hold a resource's properties with references resolved.
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

import os
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from keyless_federation.clock import Clock, attempts
from keyless_federation.errors import StaleRequestError, UnprovenRequestError
from keyless_federation.model.federation import RESOURCE_TYPE, Federation, Phase

from .cloudformation import Event, require_address, without_internal
from .events import RolledBack, is_stale
from .facts import Due
from .stack_events import Told, as_text, federation_of, is_about, properties_of

STATUS_CHANGE = "CloudFormation Stack Status Change"
ROLLED_BACK = "UPDATE_ROLLBACK_COMPLETE"
STACK_TYPE = "AWS::CloudFormation::Stack"
STACK = re.compile(r"arn:aws:cloudformation:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):stack/(?P<name>[\w-]+)/[\w-]+")
# Which event of the resource makes a request due. A Create that failed is deleted while the stack still creates.
DUE = {"Create": "CREATE_IN_PROGRESS", "Update": "UPDATE_IN_PROGRESS", "Delete": "DELETE_IN_PROGRESS"}
ENDED = re.compile(r"(CREATE|UPDATE)_COMPLETE")
# Events may lag, and many stacks at once are throttled: a refusal that is read too early stops a deployment.
PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
ASKING = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})

logger = Logger()


class Stack:
    """The stack with this ID, as `facts.StackView`; `function_arn` is that of the function which asks."""

    def __init__(self, stack_id: str, function_arn: str, clock: Clock = time) -> None:
        self._id, self._clock = stack_id, clock
        self._function = ":".join(function_arn.split(":")[:7])  # without a version or an alias
        match, here = STACK.fullmatch(stack_id), self._function.split(":")
        if not match or [match["region"], match["account"]] != here[3:5]:
            raise UnprovenRequestError(f"the stack {stack_id} is of another account or region than this function")
        self._cloudformation = boto3.client("cloudformation", config=ASKING)
        self._read: list[Told] = []
        self._unread = self._events()

    def require_address(self, event: Event) -> None:
        """Refuse to answer anybody but CloudFormation; raises `UnprovenRequestError`."""
        require_address(event.response_url, self._function.split(":")[3], os.environ.get("AWS_ENDPOINT_URL", ""))

    def due(self, event: Event) -> Due:
        """Return what CloudFormation asks for right now; raise `StaleRequestError` or `UnprovenRequestError`."""
        problem: Exception = UnprovenRequestError("CloudFormation was not asked")
        for _ in attempts((random.uniform(pause / 2, pause) for pause in PAUSES), self._clock):  # noqa: S311 -- jitter
            try:
                return self._due(event)
            except (BotoCoreError, ClientError) as error:
                logger.warning("CloudFormation did not tell of the stack", error=type(error).__name__)
                problem = UnprovenRequestError(f"CloudFormation does not tell of the stack ({type(error).__name__})")
            except (StaleRequestError, UnprovenRequestError) as error:
                problem = error
        raise problem

    def _due(self, event: Event) -> Due:
        (stack,) = self._cloudformation.describe_stacks(StackName=self._id)["Stacks"]
        status = str(stack["StackStatus"])
        if is_stale(event.kind, status):
            raise StaleRequestError(event.kind, status)
        self._read, self._unread = [], self._events()
        newest = next((told for told in self._told if is_about(told, event)), None)
        if newest is None or (newest["ResourceType"], newest["ResourceStatus"]) != (RESOURCE_TYPE, DUE.get(event.kind)):
            raise UnprovenRequestError(f"the stack waits for no {event.kind} of {event.logical_id}")
        told = properties_of(newest)
        if told.get("ServiceToken") != self._function:
            raise UnprovenRequestError("the stack asks another function")
        if without_internal(told) != as_text(event.properties):
            raise UnprovenRequestError("its properties are not those that the stack asks for")
        return Due(status=status, properties=without_internal(told), owner=self._owner(stack))

    def _owner(self, stack: Told) -> str:
        """Return ACCOUNT/REGION/NAME of the outermost stack: a nested stack has another name each time."""
        match = STACK.fullmatch(stack.get("RootId") or self._id)
        if match is None:
            raise UnprovenRequestError("the root of the stack has no name")
        return f"{match['account']}/{match['region']}/{match['name']}"

    def successor(self, event: Event, federation: Federation) -> Federation | None:
        """Return the federation of the same names that another resource of the stack has now.

        The physical ID of each resource holds these names, also where the template has tokens or conditions. Raises
        `UnprovenRequestError` where there is one and CloudFormation does not tell its properties.
        """
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._id)
        for other in (found for page in pages for found in page["StackResourceSummaries"]):
            physical_id, logical_id = other.get("PhysicalResourceId", ""), other["LogicalResourceId"]
            if other["ResourceType"] != RESOURCE_TYPE or other["ResourceStatus"].startswith("DELETE"):
                continue
            if physical_id == event.physical_id and logical_id == event.logical_id:
                continue
            if physical_id.startswith(f"{federation.project}/{federation.id}/") and not physical_id.endswith(
                Phase.OPEN
            ):
                return self._asked_last(logical_id)
        return None

    def _asked_last(self, logical_id: str) -> Federation:
        for told in self._told:
            if told["LogicalResourceId"] == logical_id and (found := federation_of(told)):
                return found
        raise UnprovenRequestError(f"CloudFormation does not tell what {logical_id}, which replaces it, asks for")

    def previous(self, event: Event) -> Federation | None:
        """Return what the resource was before this request; None where the events, kept for 90 days, do not tell."""
        for told in self._told:
            if is_about(told, event) and ENDED.fullmatch(told["ResourceStatus"]):
                return federation_of(told)
        return None

    def attempted(self, federation: Federation) -> list[Federation]:
        """Return what the stack asked of this federation's provider since it was last made exact, newest first.

        What a failed update granted is among them, whatever became of its rollback.
        """
        found: list[Federation] = []
        for told in self._told:
            past = federation_of(told)
            if past is None or (past.project, past.id) != (federation.project, federation.id):
                continue
            if past.phase is not Phase.OPEN and ENDED.fullmatch(told["ResourceStatus"]):
                break
            if (past := replace(past, phase=federation.phase)) not in found:
                found.append(past)
        return found

    def rolled_back(self) -> list[RolledBack]:
        """Return the federations of a stack that was rolled back; none when it is being deployed again by now."""
        (stack,) = self._cloudformation.describe_stacks(StackName=self._id)["Stacks"]
        if stack["StackStatus"] != ROLLED_BACK:
            return []
        names = {told["LogicalResourceId"] for told in self._told if told["ResourceType"] == RESOURCE_TYPE}
        last = {name: found for name in names if (found := self._last(name))}
        return [
            RolledBack(wanted=settled, attempted=self._attempted_as(name))
            for settled in last.values()
            if settled.phase is Phase.SETTLE
            for name, opened in last.items()
            if opened.id == settled.id and opened.phase is Phase.OPEN
        ]

    def _last(self, logical_id: str) -> Federation | None:
        """Return what a resource is now, None where it is gone."""
        ours = (told for told in self._told if told["LogicalResourceId"] == logical_id)
        ended = next((told for told in ours if told["ResourceStatus"].endswith("_COMPLETE")), None)
        return federation_of(ended) if ended else None

    def _attempted_as(self, logical_id: str) -> Federation | None:
        """Return what the last update first asked of a resource."""
        found = None
        for told in self._told:
            if told["ResourceType"] == STACK_TYPE and told["ResourceStatus"] == "UPDATE_IN_PROGRESS":
                break
            if told["LogicalResourceId"] == logical_id:
                found = federation_of(told) or found
        return found

    @property
    def _told(self) -> Iterator[Told]:
        """Yield the stack's events, newest first, and read no page of them twice."""
        yield from self._read
        for told in self._unread:
            self._read.append(told)
            yield told

    def _events(self) -> Iterator[Told]:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._id)
        return (told for page in pages for told in page["StackEvents"])


def rolled_back_stack(raw: Mapping[str, Any]) -> str | None:
    """Return the stack that an event of EventBridge tells of; None for CloudFormation's own requests."""
    return raw["detail"]["stack-id"] if raw.get("detail-type") == STATUS_CHANGE else None
