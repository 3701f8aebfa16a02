"""Custom resources as CloudFormation treats them, where MiniStack falls short.

- A function that ends in an error without answering fails the resource at once. MiniStack waits for the
  whole ServiceTimeout; on AWS the event is retried in the minutes that follow, here nothing ever comes.
- A Create that failed is followed by a Delete, with the physical id of the failed answer or an invented one.
"""

import logging
import uuid
from typing import Any

from local.aws.functions.variables import FunctionConfig
from local.aws.internals import custom_resource, lambda_svc, stacks

logger = logging.getLogger("keyless.custom_resources")

# Stack and logical id of a resource that failed -> the physical id that its answer named.
_failed: dict[tuple[str, str], str] = {}


def install() -> None:
    """Replace what MiniStack does around a function's answer."""
    _answer_for_crashed_functions()
    _remember_failed_answers()
    _delete_what_failed_to_create()


def _answer_for_crashed_functions() -> None:
    stock = lambda_svc._execute_function_with_config_scope

    def execute(func: FunctionConfig, event: Any) -> Any:
        result = stock(func, event)
        is_request = isinstance(event, dict) and "ResponseURL" in event
        if is_request and isinstance(result, dict) and result.get("error"):
            token = event["ResponseURL"].rsplit("/", 1)[-1]
            custom_resource.deliver_response(token, _crash(func, event, result))
        return result

    lambda_svc._execute_function_with_config_scope = execute


def _crash(func: FunctionConfig, event: dict[str, Any], result: dict[str, Any]) -> dict[str, str]:
    name = (func.get("config") or func).get("FunctionName", "the function")
    body = result.get("body") or {}
    return {
        "Status": "FAILED",
        "Reason": f"{name} failed: {body.get('errorType')}: {body.get('errorMessage')}. See its log.",
        "PhysicalResourceId": event.get("PhysicalResourceId", ""),
        "StackId": event["StackId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }


def _remember_failed_answers() -> None:
    stock = custom_resource.deliver_response

    def deliver(token: str, response: dict[str, Any]) -> Any:
        if response.get("Status") == "FAILED":
            resource = (response.get("StackId", ""), response.get("LogicalResourceId", ""))
            _failed[resource] = response.get("PhysicalResourceId") or ""
        return stock(token, response)

    custom_resource.deliver_response = deliver


def _delete_what_failed_to_create() -> None:
    stock = custom_resource.invoke_custom_resource

    def invoke(
        request_type: str,
        logical_id: str,
        props: dict[str, Any],
        stack_name: str,
        stack_id: str,
        resource_type: str,
        physical_id: str | None = None,
        old_props: dict[str, Any] | None = None,
    ) -> Any:
        resource = (logical_id, props, stack_name, stack_id, resource_type)
        try:
            return stock(request_type, *resource, physical_id=physical_id, old_props=old_props)
        except Exception:
            answered = _failed.pop((stack_id, logical_id), "")
            if request_type == "Create":
                physical_id = answered or f"{stack_name}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"
                stacks._add_event(
                    stack_id, stack_name, logical_id, resource_type, "DELETE_IN_PROGRESS", physical_id=physical_id
                )
                _try_delete(stock, resource, physical_id)
            raise

    custom_resource.invoke_custom_resource = invoke


def _try_delete(invoke: Any, resource: tuple[Any, ...], physical_id: str) -> None:
    try:
        invoke("Delete", *resource, physical_id=physical_id)
    except Exception as error:  # what matters is why the Create failed, which is about to be raised
        logger.warning("%s: its Delete after the failed Create failed too: %s", resource[0], error)
