"""Updates as CloudFormation tells of them, where MiniStack is silent or lets pass what AWS refuses.

- What an update removes or replaces is deleted in a phase of its own, after everything else, and its events say so.
- The first event of a resource's update names its physical ID.
- A custom resource keeps its service token: another one needs another logical ID.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html
"""

from typing import Any

from local.aws.cloudformation.stack_events import STACK
from local.aws.internals import cloudformation, custom_resource, stacks

UPDATING, CLEANING_UP = "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

# Stack and logical ID of a custom resource whose update was refused -> the token that it keeps.
_kept: dict[tuple[str, str], str] = {}


def install() -> None:
    """Replace what MiniStack does in an update."""
    _delete_in_a_phase_of_its_own()
    _name_what_is_updated()
    _keep_service_tokens()


def _delete_in_a_phase_of_its_own() -> None:
    stock = stacks._delete_resource

    def delete(kind: str, physical_id: str, asked: Any, stack_name: str, logical_id: str) -> Any:
        stack = cloudformation._stacks.get(stack_name) or {}
        if stack.get("StackStatus") == UPDATING:
            stack["StackStatus"] = CLEANING_UP
            stacks._add_event(stack["StackId"], stack_name, stack_name, STACK, CLEANING_UP, "", stack["StackId"])
        if stack.get("StackStatus") != CLEANING_UP:
            return stock(kind, physical_id, asked, stack_name, logical_id)
        resource = (stack["StackId"], stack_name, logical_id, kind)
        stacks._add_event(*resource, "DELETE_IN_PROGRESS", physical_id=physical_id)
        done = stock(kind, physical_id, asked, stack_name, logical_id)
        stacks._add_event(*resource, "DELETE_COMPLETE", physical_id=physical_id)
        return done

    stacks._delete_resource = delete


def _name_what_is_updated() -> None:
    stock = stacks._add_event

    def add_event(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> None:
        if status == UPDATING and not physical_id:
            known = (cloudformation._stacks.get(stack_name) or {}).get("_resources", {})
            physical_id = known.get(logical_id, {}).get("PhysicalResourceId", "")
        stock(stack_id, stack_name, logical_id, resource_type, status, reason, physical_id, detailed_status)

    stacks._add_event = add_event


def _keep_service_tokens() -> None:
    stock = custom_resource.invoke_custom_resource

    def invoke(
        request_type: str, logical_id: str, props: Any, stack_name: str, stack_id: str, *rest: Any, **named: Any
    ) -> Any:
        before, token, resource = named.get("old_props") or {}, props.get("ServiceToken"), (stack_id, logical_id)
        if request_type == "Update" and before.get("ServiceToken") != token:
            if _kept.pop(resource, None) == token:  # the rollback of a refused update has nothing to undo
                return named["physical_id"], {}
            _kept[resource] = str(before.get("ServiceToken"))
            raise ValueError("Modifying service token is not allowed.")
        return stock(request_type, logical_id, props, stack_name, stack_id, *rest, **named)

    custom_resource.invoke_custom_resource = invoke
