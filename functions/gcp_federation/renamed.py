"""A resource that was only renamed in the app: CloudFormation deletes the old one, and the new stands for the same.

It creates the new one first. To delete what the old one stands for would take everything from the new. So it is where a
resource has only another physical ID than before, as when the phases of a rollout became one, or the other way round.
"""

from contextlib import suppress

import boto3
from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from keyless_federation.errors import InvalidProperties
from keyless_federation.model.federation import RESOURCE_TYPE, Federation, Phase
from keyless_federation.skipping import going_back

from .cloudformation import Event
from .lateness import PATIENCE
from .rollback import template_of

REPLACED = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

logger = Logger()


def heir_of(event: Event, federation: Federation, status: str) -> Federation | None:
    """The same federation as another resource of the stack has it, whose status says that it lives on."""
    if event.kind != "Delete" or not status.startswith("UPDATE"):
        return None
    try:
        resources = template_of(boto3.client("cloudformation", config=PATIENCE), event.stack_id)["Resources"]
    except (BotoCoreError, ClientError) as error:
        logger.warning("CloudFormation did not tell what else is in the stack", error=type(error).__name__)
        return None
    if event.logical_id in resources and status != REPLACED:
        return None
    for resource in resources.values():
        if resource["Type"] == RESOURCE_TYPE and "Condition" not in resource:  # which may keep it from being there
            with suppress(InvalidProperties):
                found = Federation.from_properties(resource.get("Properties", {}))
                if found.phase is not Phase.OPEN and (found.project, found.id) == (federation.project, federation.id):
                    return going_back(found) if "ROLLBACK" in status else found
    return None
