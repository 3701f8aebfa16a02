"""Everything of MiniStack that we reach into, in one place, and the check that it still is what we know."""

import inspect
from importlib.metadata import version
from typing import Any

# MiniStack ships no types: each name below is Any.
from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    cloudformation,
    cloudwatch_logs,
    codebuild,
    eventbridge,
    iam,
    lambda_svc,
    sts,
)
from ministack.services.cloudformation import (  # type: ignore[import-untyped]
    custom_resource,
    handlers,
    provisioners,
    stacks,
)

__all__ = [
    "Unfamiliar",
    "app",
    "check",
    "cloudformation",
    "cloudwatch_logs",
    "codebuild",
    "custom_resource",
    "eventbridge",
    "handlers",
    "iam",
    "iam_actions",
    "iam_evaluator",
    "lambda_runtime",
    "lambda_svc",
    "provisioners",
    "responses",
    "stacks",
    "sts",
]

VERSION = "1.5.33"

# Private names are free to change with any release: what we call or replace, each with its parameters.
PARAMETERS: dict[Any, str] = {
    app: """
        pin_request_origin source_ip secure_transport
        main
    """,
    lambda_runtime: """
        ProvidedWorker.__init__ self func_name config code_zip
        ProvidedWorker._spawn self init_timeout
        ProvidedWorker._build_handler_class self generation pending
        ProvidedWorker._pump_output self stream log_queue
        ProvidedWorker._drain_stderr self
        ProvidedWorker._drain_stderr_bounded self first_line_wait idle_confirm hard_cap
        ProvidedWorker.invoke self event request_id trace_id invoked_function_arn
        _account_region_from_function_config config
        _worker_class_for config
        _worker_key func_name config qualifier
        ensure_spawned worker
        execution_credentials config
        invalidate_worker func_name qualifier account region
        kill_workers workers
        release_worker worker
    """,
    lambda_svc: """
        _create_function data
        _delete_provisioned_concurrency func_name qualifier
        _emit_lambda_logs func request_id log_text error duration_ms log_source
        _execute_function_provided_warm func event request_id
        _execute_function_warm func event request_id
        _execute_function_with_config_scope func event
        _execution_record_for_config func config
        _extract_zip_preserving_mode zf dest_dir
        _get_func_record_for_ref function_ref
        _provided_runtime_code_dir code_zip
        _provided_worker_env config code_dir port
        _put_provisioned_concurrency func_name qualifier data
        _resolve_layer_zip attachment
        _run_with_function_config_scope func_or_config callback args kwargs
        _runtime_env_vars config
        _update_config name data
        invoke_async_with_retry func event
        release_worker worker
    """,
    cloudwatch_logs: """
        _create_log_group data
        _create_log_stream data
        _put_log_events data
    """,
    codebuild: """
        _batch_get_builds data
        _build_id project_name
        _create_project data
        _make_build_record project build_id source_version
        _project_shape project
        _start_build data
        _stop_build data
        _update_project data
    """,
    custom_resource: """
        _normalise_resource_properties value
        deliver_response token response
        invoke_custom_resource request_type logical_id props stack_name stack_id resource_type physical_id old_props
    """,
    handlers: """
        _describe_stack_events params
    """,
    eventbridge: """
        _dispatch_to_lambda arn payload
        _invoke_target target event rule view
        _put_events data allow_aws_source
    """,
    stacks: """
        _add_event stack_id stack_name logical_id resource_type status reason physical_id detailed_status
        _delete_resource resource_type physical_id props stack_name logical_id
        _provision_resource resource_type logical_id props stack_name
        _runs_on_worker_thread resource_type
        _update_resource resource_type physical_id old_props new_props stack_name logical_id old_attrs
    """,
    iam_evaluator: """
        enforce access_key_id iam_action service region resource_arn service_context
    """,
    iam_actions: """
        extract_resource_arn service method path headers body query_params region account_id
        identity_denial_message action principal_arn resource explicit_deny
    """,
    provisioners: """
        _codebuild_cfn_to_api value
        _codebuild_project_create logical_id props stack_name
        _codebuild_project_update physical_id old_props new_props stack_name
        _lambda_alias_create logical_id props stack_name
        _lambda_alias_delete physical_id props
        _lambda_alias_update physical_id old_props new_props stack_name logical_id
        _lambda_delete physical_id props
        _lambda_function_for_cfn_ref function_ref
        get_account_id
        get_region
    """,
    responses: """
        error_response_json code message status extra message_key content_type
        get_account_id
        get_region
        json_response data status content_type
    """,
    sts: """
        register_session access_key session
    """,
}
ATTRIBUTES: tuple[tuple[Any, str], ...] = (
    (cloudformation, "_stack_events"),
    (cloudformation, "_stacks"),
    (codebuild, "_builds"),
    (codebuild, "_projects"),
    (handlers, "_ACTION_HANDLERS"),
    (iam, "_roles"),
    (lambda_runtime, "_lock"),
    (lambda_runtime, "_workers"),
    (lambda_runtime, "ProvidedInitTimeout"),
    (lambda_svc, "_functions"),
    (lambda_svc, "_provided_code_lock"),
    (lambda_svc, "_request_access_key"),
    (provisioners, "_RESOURCE_HANDLERS"),
)


class Unfamiliar(RuntimeError):
    """The installed MiniStack is not the one that our patches were written for."""


def check() -> None:
    """Raise `Unfamiliar`, naming every difference, unless MiniStack is exactly as we know it."""
    differences = [] if version("ministack") == VERSION else [f"its version is {version('ministack')}"]
    differences += [
        f"{owner.__name__}.{name} takes ({found}), not ({expected})"
        for owner, functions in PARAMETERS.items()
        for name, _, expected in (line.strip().partition(" ") for line in functions.strip().splitlines())
        if (found := _parameters(owner, name)) != expected
    ]
    differences += [f"{owner.__name__}.{name} is missing" for owner, name in ATTRIBUTES if _find(owner, name) is None]
    if differences:
        raise Unfamiliar(
            f"cannot patch MiniStack: {'; '.join(differences)}. "
            f"Install ministack=={VERSION}, or go through local/aws/ and adapt it to this release."
        )


def _find(owner: Any, name: str) -> Any:
    for part in name.split("."):
        owner = getattr(owner, part, None)
    return owner


def _parameters(owner: Any, name: str) -> str:
    function = _find(owner, name)
    return " ".join(inspect.signature(function).parameters) if callable(function) else "nothing: it is missing"
