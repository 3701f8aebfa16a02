"""Events of a stack's resource hold what was asked of it, references resolved; MiniStack's leave that out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from local.aws.cloudformation.stack_events import STACK, listen
from local.aws.internals import cloudformation, custom_resource, handlers, stacks

Properties = Mapping[str, Any]

RESERVED = "aws:"
EVENT_ID = re.compile(r"<EventId>([^<]+)</EventId>")

# ID of an event -> the properties, as JSON.
_told: dict[str, str] = {}
# Name of the stack and of the resource in it -> the IDs of what was told of the operation on it that is under way.
_under_way: dict[tuple[str, str], list[str]] = {}


def install() -> None:
    """Remember what each resource is asked, and show it with the resource's events."""
    listen(_heard)
    _remember_properties()
    _show()


def _heard(stack_id: str, stack_name: str, logical_id: str, resource_type: str, status: str) -> None:
    if resource_type == STACK and logical_id == stack_name:
        return
    resource, event = (stack_name, logical_id), cloudformation._stack_events[stack_id][-1]["EventId"]
    events = _under_way.setdefault(resource, [])
    events.append(event)
    if events[0] in _told:
        _told[event] = _told[events[0]]
    if not status.endswith("_IN_PROGRESS"):
        del _under_way[resource]


def _remember_properties() -> None:
    provision, update, delete = stacks._provision_resource, stacks._update_resource, stacks._delete_resource

    def provision_resource(kind: str, logical_id: str, asked: Properties, stack_name: str) -> Any:
        _remember(stack_name, logical_id, asked)
        return provision(kind, logical_id, asked, stack_name)

    def update_resource(
        kind: str, physical_id: str, old: Properties, asked: Properties, stack_name: str, logical_id: str, *rest: Any
    ) -> Any:
        _remember(stack_name, logical_id, asked)
        return update(kind, physical_id, old, asked, stack_name, logical_id, *rest)

    def delete_resource(kind: str, physical_id: str, asked: Properties, stack_name: str, logical_id: str) -> Any:
        _remember(stack_name, logical_id, asked)
        return delete(kind, physical_id, asked, stack_name, logical_id)

    stacks._provision_resource, stacks._update_resource = provision_resource, update_resource
    stacks._delete_resource = delete_resource


def _remember(stack_name: str, logical_id: str, properties: Properties) -> None:
    text = json.dumps(custom_resource._normalise_resource_properties(_as_written(properties)))
    _told.update(dict.fromkeys(_under_way.get((stack_name, logical_id), ()), text))


def _as_written(properties: Properties) -> Properties:
    """Without the tags that CloudFormation itself puts on what it makes."""
    tags = properties.get("Tags")
    if isinstance(tags, list):
        tags = [tag for tag in tags if not str(tag.get("Key", "")).startswith(RESERVED)]
    elif isinstance(tags, dict):
        tags = {key: value for key, value in tags.items() if not key.startswith(RESERVED)}
    return {**{name: value for name, value in properties.items() if name != "Tags"}, **({"Tags": tags} if tags else {})}


def _show() -> None:
    stock = handlers._ACTION_HANDLERS["DescribeStackEvents"]

    def describe(params: Any) -> Any:
        status, headers, body = stock(params)
        return status, headers, EVENT_ID.sub(_with_properties, body.decode()).encode()

    handlers._ACTION_HANDLERS["DescribeStackEvents"] = describe


def _with_properties(event_id: re.Match[str]) -> str:
    properties = _told.get(event_id[1])
    return event_id[0] + (f"<ResourceProperties>{escape(properties)}</ResourceProperties>" if properties else "")
