"""An execution environment: MiniStack's worker for custom runtimes, with awslambdaric as the runtime."""

import json
import os
import queue
import shlex
import time
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from local.aws.functions.closing_lines import closing_lines, peak_memory
from local.aws.functions.layers import layer_tree
from local.aws.functions.logs import LogStream, Output
from local.aws.functions.runtime import HERE, LAUNCHER, Runtime
from local.aws.functions.variables import FunctionConfig, Place, lambda_variables
from local.aws.internals import lambda_runtime, lambda_svc

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"

ENDED_BY_LAMBDA = ("Sandbox.Timedout", "Runtime.ExitError")

# The environment being started on this thread. MiniStack asks module-level functions for the program and
# the variables of a process and does not tell them whose: our replacements look here.
starting: ContextVar["Environment"] = ContextVar("starting")


def is_ours(config: FunctionConfig) -> bool:
    """Whether the function runs in an `Environment`: every zipped Python function does."""
    return str(config.get("Runtime", "")).startswith("python")


class Environment(lambda_runtime.ProvidedWorker):  # type: ignore[misc] # MiniStack is untyped
    """One process of a function, initialised once and reused, with its Runtime API and its log stream."""

    runtime: Runtime
    endpoint: str

    def __init__(
        self, func_name: str, config: FunctionConfig, code_zip: bytes, *, initialization: str = ON_DEMAND
    ) -> None:
        super().__init__(func_name, config, code_zip)
        self.initialization = initialization
        self.version: str = config.get("Version", "$LATEST")
        self._log = LogStream(config)
        self._output: Output | None = None
        self._init_duration: float | None = None
        self.ended = False
        """Whether nobody may have it any more; who has it now gives it back first."""

    def variables(self, config: FunctionConfig, port: int) -> dict[str, str]:
        """The process's environment; `port` is where its Runtime API listens."""
        _, region = lambda_runtime._account_region_from_function_config(config)
        place = Place(
            region=region,
            endpoint=self.endpoint,
            python=self.runtime.python,
            initialization=self.initialization,
            log_group=self._log.group,
            log_stream=self._log.name,
        )
        variables = lambda_variables(
            config,
            place,
            own=lambda_svc._runtime_env_vars(config),
            credentials=lambda_runtime.execution_credentials(config),
            host=os.environ,
        )
        return {**variables, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"}

    def program(self, task: Path) -> Path:
        """A folder with the executable `bootstrap` that MiniStack starts: our launcher, with its plan."""
        layers = layer_tree(self.config)
        plan = {
            "isolation": self.runtime.isolation,
            "task": os.fspath(task),
            "opt": os.fspath(layers),
            "bootstrap": os.fspath(HERE / "bootstrap.py"),
        }
        command = [os.fspath(self.runtime.python), "-I", "-S", os.fspath(LAUNCHER), json.dumps(plan)]
        folder = task.with_name(f"{task.name}-{layers.name}")
        # No other process may be forked while this file is open for writing: it would inherit the
        # descriptor, and the kernel refuses to execute a file that anyone can still write.
        with lambda_svc._provided_code_lock:
            folder.mkdir(exist_ok=True)
            program = folder / "bootstrap"
            if not program.exists():
                program.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
                program.chmod(0o755)
        return folder

    def end(self) -> bool:
        """Record that its time is over; whether it can go at once, as nobody has it."""
        with lambda_runtime._lock:  # under which MiniStack hands environments out
            self.ended = True
            return not self.in_use

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        invoked_function_arn: str | None = None,
    ) -> dict[str, Any]:
        """Run one invocation; the answer of a failed one where it could not run."""
        try:
            return self._invoke(event, request_id, trace_id=trace_id, invoked_function_arn=invoked_function_arn)
        except BaseException:
            lambda_runtime.release_worker(self)  # MiniStack ends it then, and does not give it back
            raise

    def _invoke(self, event: Any, request_id: str, **context: str | None) -> dict[str, Any]:
        """Initialise if need be, run one invocation and write its START, END and REPORT lines."""
        failure = self._initialise() if self._proc is None or self._proc.poll() is not None else None
        pid, began = self._proc.pid if self._proc else None, time.monotonic()
        self._log.note(f"START RequestId: {request_id} Version: {self.version}")
        result: dict[str, Any] = failure or super().invoke(event, request_id, **context)
        if (result.get("error_payload") or {}).get("errorType") in ENDED_BY_LAMBDA:
            self._log.write(f"{request_id} {result['error']}")  # the runtime could not say it itself
        duration, memory = time.monotonic() - began, (self.config.get("MemorySize", 128), peak_memory(pid))
        self._log.note(*closing_lines(request_id, duration, memory, self._init_duration))
        self._init_duration = None  # reported once, also when it was spent at deploy, as on AWS
        return result

    def _initialise(self) -> dict[str, Any] | None:
        """Start the process; the answer of a failed invocation when init fails, as Lambda words it."""
        try:
            try:
                lambda_runtime.ensure_spawned(self)
            except lambda_runtime.ProvidedInitTimeout:
                # Lambda: an init that takes longer than 10 s runs again within the function's own timeout.
                with self._lock:
                    self._spawn(init_timeout=self.config.get("Timeout", 3))
        except Exception as error:
            payload = self.init_failure(error)
            return {"status": "error", "error": payload["errorMessage"], "error_payload": payload, "log": ""}
        return None

    def init_failure(self, error: Exception) -> dict[str, Any]:
        """What the runtime reported of its failed init, or the type and words for one that could not report."""
        if isinstance(self._init_error, dict):
            return dict(self._init_error)
        kind = getattr(error, "error_type", "") or "Runtime.ExitError"
        return {"errorType": kind, "errorMessage": str(error)}

    def _spawn(self, init_timeout: float | None = None) -> None:
        if self.initialization == PROVISIONED:
            init_timeout = max(130.0, self.config.get("Timeout", 3))
        self._log = LogStream(self.config)
        self._log.note(f"INIT_START Runtime Version: python:{self.runtime.version} (local)")
        self._log.write(*self._version_warning())
        began, token = time.monotonic(), starting.set(self)
        try:
            super()._spawn(init_timeout)
        finally:
            starting.reset(token)
            self._init_duration = time.monotonic() - began
            self._take_in_output()  # before any line of an invocation

    def _version_warning(self) -> list[str]:
        wanted, found = str(self.config["Runtime"]).removeprefix("python"), self.runtime.version
        if wanted == found:
            return []
        consequence = f"compiled packages may not import. Deploy with runtime python{found} locally."
        return [f"WARNING {self.func_name} is deployed for Python {wanted} and runs on {found}: {consequence}"]

    def _build_handler_class(self, generation: int, pending: "queue.Queue[Any]") -> Any:
        handler = super()._build_handler_class(generation, pending)
        # It answers in two writes, and Nagle's algorithm holds the second back for 40 ms of every invocation.
        handler.disable_nagle_algorithm = True
        return handler

    def _pump_output(self, stream: IO[bytes], log_queue: "queue.Queue[str]") -> None:
        self._output = Output(stream, self._log, log_queue)
        self._output.pump()

    def _take_in_output(self) -> None:
        if self._output:
            self._output.flush()

    def _drain_stderr_bounded(self, *_: float, **__: float) -> str:
        # MiniStack's own waits 50 ms for a first line after every silent invocation.
        self._take_in_output()
        lines: str = self._drain_stderr()
        return lines
