"""A custom resource whose function fails without answering fails at once, not after its ServiceTimeout.

On AWS the function's event is retried twice in the minutes that follow; nothing here would ever come.
"""

from typing import Any

from local.aws.internals import FunctionConfig, custom_resource, lambda_svc


def install() -> None:
    """Answer CloudFormation in place of a function that ended in an error."""
    stock = lambda_svc._execute_function_with_config_scope

    def execute(func: FunctionConfig, event: Any) -> Any:
        result = stock(func, event)
        if isinstance(event, dict) and "ResponseURL" in event and isinstance(result, dict) and result.get("error"):
            custom_resource.deliver_response(event["ResponseURL"].rsplit("/", 1)[-1], _failure(func, event, result))
        return result

    lambda_svc._execute_function_with_config_scope = execute


def _failure(func: FunctionConfig, event: dict[str, Any], result: dict[str, Any]) -> dict[str, str]:
    name = (func.get("config") or func).get("FunctionName", "the function")
    body = result.get("body") or {}
    return {
        "Status": "FAILED",
        "Reason": f"{name} failed: {body.get('errorType')}: {body.get('errorMessage')}. See its log.",
        "PhysicalResourceId": event.get("PhysicalResourceId", ""),
    }
