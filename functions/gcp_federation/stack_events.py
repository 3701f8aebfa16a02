"""One event of a stack, as CloudFormation tells it: which resource it is about, and with which properties.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from keyless_federation.errors import PropertiesError, UnprovenRequestError
from keyless_federation.model.federation import RESOURCE_TYPE, Federation

from .cloudformation import Event, without_internal

Told = Mapping[str, Any]


def as_text(value: Any) -> Any:
    """Return properties as the function gets them: every scalar is text."""
    if isinstance(value, Mapping):
        return {name: as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_about(told: Told, event: Event) -> bool:
    """A replaced resource is deleted under its old physical ID, when its logical ID stands for another one."""
    same = told["LogicalResourceId"] == event.logical_id
    return same and (event.kind != "Delete" or told.get("PhysicalResourceId") == event.physical_id)


def properties_of(told: Told) -> dict[str, Any]:
    try:
        found = json.loads(told.get("ResourceProperties") or "")
    except ValueError as error:
        raise UnprovenRequestError("CloudFormation does not tell the properties of the resource") from error
    properties: dict[str, Any] = as_text(found)
    return properties


def federation_of(told: Told) -> Federation | None:
    """Return the federation that an event is about, None for anything else and for what was never valid."""
    if told["ResourceType"] != RESOURCE_TYPE or told["ResourceStatus"].startswith("DELETE"):
        return None
    with suppress(PropertiesError, UnprovenRequestError):
        return Federation.from_properties(without_internal(properties_of(told)))
    return None
