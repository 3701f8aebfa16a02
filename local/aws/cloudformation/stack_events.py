"""CloudFormation tells EventBridge of every change of a stack's status; MiniStack keeps it to itself.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-eventbridge.html
"""

import json
from collections.abc import Callable
from typing import Any

from local.aws.internals import eventbridge, stacks

STACK = "AWS::CloudFormation::Stack"


def install() -> None:
    """Put an event on the default bus whenever a stack records a status of its own."""
    listen(_tell)


def listen(heard: Callable[[str, str, str, str, str], None]) -> None:
    """Have `heard` called after each event: with the stack's ID and name, the logical ID, the type and the status."""
    stock = stacks._add_event

    def add_event(
        stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str, *rest: Any, **named: Any
    ) -> None:
        stock(stack_id, stack_name, logical_id, resource_type, status, *rest, **named)
        heard(stack_id, stack_name, logical_id, resource_type, status)

    stacks._add_event = add_event


def _tell(stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str) -> None:
    if resource_type != STACK or logical_id != stack_name:
        return
    detail = {"stack-id": stack_id, "status-details": {"status": status, "status-reason": ""}}
    entry = {
        "Source": "aws.cloudformation",
        "DetailType": "CloudFormation Stack Status Change",
        "Resources": [stack_id],
        "Detail": json.dumps(detail),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
