"""Puts `Environment` in the place of MiniStack's own Python executor."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local.aws.functions.runtime import Runtime
from local.aws.functions.variables import FunctionConfig
from local.aws.functions.worker import Environment, is_ours, starting
from local.aws.internals import lambda_runtime, lambda_svc, provisioners


def install(runtime: Runtime, endpoint: str) -> None:
    """Run every Python function on `runtime`, with its AWS at `endpoint`."""
    Environment.runtime, Environment.endpoint = runtime, endpoint
    _choose_environment()
    _hand_over_program_and_variables()
    _leave_logs_to_the_environment()
    _end_with_the_function()
    _let_invocations_finish()


def _choose_environment() -> None:
    stock_class, stock_warm = lambda_runtime._worker_class_for, lambda_svc._execute_function_warm

    def worker_class_for(config: FunctionConfig) -> Any:
        return Environment if is_ours(config) else stock_class(config)

    def execute_warm(func: FunctionConfig, event: Any, request_id: str) -> Any:
        # The way of custom runtimes: it speaks the Runtime API, which is what awslambdaric needs.
        ours = is_ours(func.get("config") or func)
        execute = lambda_svc._execute_function_provided_warm if ours else stock_warm
        return execute(func, event, request_id)

    lambda_runtime._worker_class_for = worker_class_for
    lambda_svc._execute_function_warm = execute_warm


def _hand_over_program_and_variables() -> None:
    stock_folder, stock_variables = lambda_svc._provided_runtime_code_dir, lambda_svc._provided_worker_env

    def code_folder(code_zip: bytes) -> str:
        folder: str = stock_folder(code_zip)
        environment = starting.get(None)
        return str(environment.program(Path(folder))) if environment else folder

    def variables(config: FunctionConfig, code_dir: str, port: int) -> Any:
        environment = starting.get(None)
        return environment.variables(config, port) if environment else stock_variables(config, code_dir, port)

    lambda_svc._provided_runtime_code_dir = code_folder
    lambda_svc._provided_worker_env = variables


def _leave_logs_to_the_environment() -> None:
    stock = lambda_svc._emit_lambda_logs

    def emit(func: FunctionConfig, *arguments: Any, **options: Any) -> None:
        if not is_ours(func.get("config") or func):
            stock(func, *arguments, **options)

    lambda_svc._emit_lambda_logs = emit


def _end_with_the_function() -> None:
    """A deleted stack ends its functions' processes: MiniStack keeps them until the name is used again."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    stock = handlers["delete"]

    def delete(physical_id: str, properties: FunctionConfig) -> None:
        stock(physical_id, properties)
        account, region = provisioners.get_account_id(), provisioners.get_region()
        lambda_runtime.invalidate_worker(physical_id, account=account, region=region)

    handlers["delete"] = delete


def _let_invocations_finish() -> None:
    """MiniStack ends an environment at once when its version is left, whether somebody has it for an invocation or not.

    Here it ends when it is given back: it was handed out for an invocation that may only be about to begin.
    """
    stock_kill, stock_release = lambda_runtime.kill_workers, lambda_svc.release_worker

    def kill_workers(workers: Iterable[Any]) -> None:
        stock_kill([one for one in workers if not isinstance(one, Environment) or one.end()])

    def release_worker(worker: Any) -> None:
        stock_release(worker)
        if isinstance(worker, Environment) and worker.ended:
            stock_kill([worker])

    lambda_runtime.kill_workers, lambda_svc.release_worker = kill_workers, release_worker
