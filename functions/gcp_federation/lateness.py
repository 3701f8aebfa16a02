"""A request that comes late: Lambda may run one twice, and the second time it may be long undone.

A stack that is at rest waits for no answer, nor one that deletes for a creation's: what its resources are then to be
was said by a later request.
"""

import re
import time

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from keyless_federation.clock import Clock

from .cloudformation import Event

LOOKS = (0.0, 2.0, 5.0)  # seconds before each look: a status that was read too early is no reason to refuse
IN_PROGRESS = "IN_PROGRESS"
# Where CloudFormation cannot be reached from here, the time is needed for the work.
PATIENCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
# What a stack never asks for while it is busy so: what is being undone or deleted is not made again.
UNASKED = {
    "Create": re.compile(r"DELETE|ROLLBACK|CLEANUP"),
    "Update": re.compile(r"^DELETE|^ROLLBACK|CLEANUP"),
}

logger = Logger()


class LateRequest(Exception):
    """CloudFormation does not wait for an answer to this request."""

    def __init__(self, kind: str, status: str) -> None:
        rest = "the stack is at rest" if not status.endswith(IN_PROGRESS) else "the stack is past it"
        super().__init__(f"This {kind} came late: {rest} ({status}). Nothing was changed.")


def require_waiting(event: Event, clock: Clock = time) -> str:
    """The status of the event's stack, empty where that is not told; `LateRequest` where the stack does not wait."""
    cloudformation = boto3.client("cloudformation", config=PATIENCE)
    status = ""
    for seconds in LOOKS:
        clock.sleep(seconds)
        try:
            (stack,) = cloudformation.describe_stacks(StackName=event.stack_id)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            logger.warning("CloudFormation did not tell whether it waits", error=type(error).__name__)
            return ""
        status = str(stack["StackStatus"])
        if is_awaited(event.kind, status):
            return status
    raise LateRequest(event.kind, status)


def is_awaited(kind: str, status: str) -> bool:
    """Whether a stack in this status waits for an answer to a request of this kind."""
    unasked = UNASKED.get(kind)
    return status.endswith(IN_PROGRESS) and not (unasked and unasked.search(status))
