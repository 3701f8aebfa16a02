"""Provisioned concurrency: environments that are initialised before an alias serves from them.

MiniStack answers READY and starts nothing. Here a deploy waits for init, as on AWS, and a failing init
fails the alias before it has moved, so that it goes on serving the version it served.
"""

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from local.aws.functions.variables import FunctionConfig
from local.aws.functions.worker import PROVISIONED, Environment, is_ours
from local.aws.internals import lambda_runtime, lambda_svc, provisioners, stacks

ALIAS = "AWS::Lambda::Alias"
UNDER_WAY = 3.0
"""Seconds, at most, that CloudFormation gives the invocations of a version that an alias has left, before it goes on:
the next resource would have its turn milliseconds later, and take away what they still need."""

logger = logging.getLogger("keyless.provisioned")


class InitFailed(RuntimeError):
    """A provisioned environment could not be initialised."""


def install() -> None:
    """Warm what is put through the API, and what CloudFormation declares on an alias."""
    _warm_in_cloudformation()
    _warm_through_the_api()


def warm(function: str, version: str, count: int) -> None:
    """Have `count` provisioned environments of a version, all initialised; raise `InitFailed` and keep none."""
    record, config, name = lambda_svc._get_func_record_for_ref(f"{function}:{version}")
    if record is None or not is_ours(config):
        return  # MiniStack's own validation says what is wrong; other runtimes have nothing to warm
    missing = count - _provisioned_environments(config)
    archive = record["code_zip"]
    made = [Environment(name, config, archive, initialization=PROVISIONED) for _ in range(missing)]
    try:
        for environment in made:
            _initialise(environment)
    except InitFailed:
        lambda_runtime.kill_workers(made)
        raise
    with lambda_runtime._lock:  # first in the pool, so that they serve before any on-demand environment
        lambda_runtime._workers.setdefault(_key(config), [])[:0] = made
    logger.info("%s:%s has %d provisioned environments", name, version, count)


def retire(function: str) -> list[Environment]:
    """End the provisioned environments of versions that no provisioned alias points at any more, and name them: those
    that are in use end when they are given back."""
    provisioned = _record(function).get("provisioned_concurrency") or {}
    claimed = {_version(function, qualifier) for qualifier in provisioned}
    with lambda_runtime._lock:
        pools = [pool for pool in lambda_runtime._workers.values() if pool and pool[0].func_name == function]
        ended = [w for pool in pools for w in pool if _is_provisioned(w) and w.version not in claimed]
        for pool in pools:
            pool[:] = [worker for worker in pool if worker not in ended]
    lambda_runtime.kill_workers(ended)
    return ended


def _let_finish(ended: list[Environment]) -> None:
    over = time.monotonic() + UNDER_WAY
    while any(one.in_use for one in ended) and time.monotonic() < over:
        time.sleep(0.02)


def _initialise(environment: Environment) -> None:
    try:
        lambda_runtime.ensure_spawned(environment)
    except Exception as error:
        failure = environment.init_failure(error)
        raise InitFailed(
            f"Provisioned Concurrency configuration failed to be applied. Reason: FUNCTION_ERROR_INIT_FAILURE "
            f"({environment.func_name}:{environment.version}: {failure['errorType']}: {failure['errorMessage']})"
        ) from error


def _is_provisioned(worker: Any) -> bool:
    return isinstance(worker, Environment) and worker.initialization == PROVISIONED


def _key(config: FunctionConfig) -> str:
    key: str = lambda_runtime._worker_key(config["FunctionName"], config, config["Version"])
    return key


def _provisioned_environments(config: FunctionConfig) -> int:
    with lambda_runtime._lock:
        return sum(map(_is_provisioned, lambda_runtime._workers.get(_key(config), [])))


def _declared(properties: dict[str, Any]) -> tuple[str, str, int]:
    count = (properties.get("ProvisionedConcurrencyConfig") or {}).get("ProvisionedConcurrentExecutions", 0)
    _, function, _, _ = provisioners._lambda_function_for_cfn_ref(properties.get("FunctionName", ""))
    return function, properties.get("FunctionVersion", "$LATEST"), int(count)


def _warm_in_cloudformation() -> None:
    stock: dict[str, Callable[..., Any]] = dict(provisioners._RESOURCE_HANDLERS[ALIAS])

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        return move(properties, "create", logical_id, properties, stack_name)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: str) -> Any:
        return move(new, "update", physical_id, old, new, *rest)

    def move(properties: dict[str, Any], kind: str, *arguments: Any) -> Any:
        function, version, count = _declared(properties)
        try:
            warm(function, version, count)
            return stock[kind](*arguments)
        finally:  # whichever version lost: the one that the alias left, or the one that it could not move to
            _let_finish(retire(function))

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        stock["delete"](physical_id, properties)
        retire(_declared(properties)[0])

    provisioners._RESOURCE_HANDLERS[ALIAS] |= {"create": create, "update": update, "delete": delete}

    # Init may call this very server, and MiniStack provisions most types on the thread that answers requests.
    on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind == ALIAS or on_worker_thread(kind)


def _warm_through_the_api() -> None:
    stock_put, stock_delete = lambda_svc._put_provisioned_concurrency, lambda_svc._delete_provisioned_concurrency

    def put(function: str, qualifier: str, data: dict[str, Any]) -> Any:
        status, headers, body = stock_put(function, qualifier, data)
        if status >= 300 or _is_warm(function, qualifier):
            return status, headers, body
        record = _record(function)["provisioned_concurrency"][qualifier]
        record |= {"Status": "IN_PROGRESS", "AvailableProvisionedConcurrentExecutions": 0}
        # As on AWS, the call answers at once and the status tells the rest.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(_warm_and_record, function, qualifier), daemon=True).start()
        return status, headers, json.dumps(record).encode()

    def delete(function: str, qualifier: str) -> Any:
        answer = stock_delete(function, qualifier)
        retire(function)
        return answer

    lambda_svc._put_provisioned_concurrency = put
    lambda_svc._delete_provisioned_concurrency = delete


def _warm_and_record(function: str, qualifier: str) -> None:
    record = _record(function)["provisioned_concurrency"][qualifier]
    count = int(record["RequestedProvisionedConcurrentExecutions"])
    try:
        warm(function, _version(function, qualifier), count)
        record |= {"Status": "READY", "AvailableProvisionedConcurrentExecutions": count}
    except InitFailed as failure:
        record |= {"Status": "FAILED", "StatusReason": str(failure)}


def _is_warm(function: str, qualifier: str) -> bool:
    count = int(_record(function)["provisioned_concurrency"][qualifier]["RequestedProvisionedConcurrentExecutions"])
    _, config, _ = lambda_svc._get_func_record_for_ref(f"{function}:{_version(function, qualifier)}")
    return not is_ours(config) or _provisioned_environments(config) >= count


def _record(function: str) -> dict[str, Any]:
    return lambda_svc._functions.get(function) or {}


def _version(function: str, qualifier: str) -> str:
    alias = (_record(function).get("aliases") or {}).get(qualifier)
    return str(alias["FunctionVersion"]) if alias else qualifier
