"""A request that comes late: Lambda may run one twice, and the second time it may be long undone.

A stack that is at rest waits for no answer. What its resources are then to be was said by a later request.
"""

import time

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from .clock import Clock
from .cloudformation import Event

LOOKS = (0.0, 2.0, 5.0)  # seconds before each look: a status that was read too early is no reason to refuse
IN_PROGRESS = "IN_PROGRESS"

logger = Logger()


class LateRequest(Exception):
    """CloudFormation does not wait for an answer to this request."""

    def __init__(self, kind: str, status: str) -> None:
        super().__init__(f"This {kind} came late: the stack is at rest ({status}). Nothing was changed.")


def require_waiting(event: Event, clock: Clock = time) -> None:
    """Raise `LateRequest` if the event's stack is at rest; where CloudFormation does not tell, it is believed."""
    status = ""
    for seconds in LOOKS:
        clock.sleep(seconds)
        try:
            (stack,) = boto3.client("cloudformation").describe_stacks(StackName=event.stack_id)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            logger.warning("CloudFormation did not tell whether it waits", error=type(error).__name__)
            return
        if (status := stack["StackStatus"]).endswith(IN_PROGRESS):
            return
    raise LateRequest(event.kind, status)
