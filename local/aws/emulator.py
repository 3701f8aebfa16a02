"""The child process of `server`: MiniStack with our patches, in an environment that `server` made clean."""

import ctypes
import os
import shutil
import signal
import sys
from pathlib import Path

from local.aws import internals, lambda_rights, log_rights
from local.aws.cloudformation import custom_resources, declared_types, event_properties, operations, stack_events
from local.aws.codebuild import service as codebuild
from local.aws.functions import asynchronous, executor, provisioned
from local.aws.functions.runtime import Runtime

PR_SET_PDEATHSIG = 1


def main(python: str, version: str, isolation: str) -> None:
    """Check, patch and serve until killed."""
    _end_with_the_supervisor()
    internals.check()
    endpoint = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
    runtime = Runtime(python=Path(python), version=version, isolation=isolation)
    executor.install(runtime, endpoint)
    codebuild.install(runtime, endpoint)
    log_rights.install()
    lambda_rights.install()
    provisioned.install()
    declared_types.install()
    custom_resources.install()
    asynchronous.install()
    stack_events.install()
    event_properties.install()
    operations.install()
    _take_loopback_for_secure()
    sys.argv = ["ministack"]
    internals.app.main()


def _end_with_the_supervisor() -> None:
    """When the supervisor is killed by force, leave neither functions nor files behind."""

    def end(*_: object) -> None:
        shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
        os.killpg(0, signal.SIGKILL)

    signal.signal(signal.SIGUSR1, end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGUSR1)


def _take_loopback_for_secure() -> None:
    """CDK's bootstrap bucket refuses requests without TLS; nothing on loopback can be overheard."""
    pin = internals.app.pin_request_origin
    internals.app.pin_request_origin = lambda source_ip, _: pin(source_ip, True)


if __name__ == "__main__":
    main(*sys.argv[1:])
