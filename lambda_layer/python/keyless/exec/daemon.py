"""The process beside the command: proves the chain, serves the credentials, cleans up when the command has ended.

It is a daemon in its own session: signals and keystrokes for the command do not reach it, and the command has no child
that it did not start. It exits when the command has ended, and for no other reason.
"""

import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

from google.auth.external_account import SupplierContext
from keyless.aws.container import supplier_for
from keyless.chain.exchange import Patience, exchange
from keyless.config import Config
from keyless.errors import KeylessError
from keyless.exec import credential_file
from keyless.exec.command_environment import Served
from keyless.exec.metadata import Metadata
from keyless.external_account import AWS_SUBJECT_TOKEN_TYPE
from keyless.net.connections import connections_for
from keyless.net.transport import Request
from keyless.refusals import describe

POLL_INTERVAL = 0.5
"""Seconds between checks of the command where the system cannot notify of its end."""


class DaemonError(KeylessError):
    """The daemon cannot serve credentials; the message says why."""


class Process:
    """A process that need not be a child of this one, to wait for."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._descriptor: int | None = None
        with suppress(AttributeError, OSError):  # Linux alone has it, and some sandboxes forbid it
            self._descriptor = os.pidfd_open(pid)

    def wait(self) -> None:
        """Return when the process has ended."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.poll()
            return
        while self._is_running():
            time.sleep(POLL_INTERVAL)

    def _is_running(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it has become another user's
            return True
        return True


def start(config: Config, environ: Mapping[str, str]) -> Served:
    """Start a daemon that ends with this process. Raises DaemonError with the explanation when a link is broken."""
    command = Process(os.getpid())  # this process becomes the command
    reading, writing = os.pipe()
    _in_background(partial(_run, config, environ, command, writing))
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = json.loads(answer.read() or "{}")
    if "served" not in said:
        raise DaemonError(said.get("problem", "The process that should serve the credentials ended without a word."))
    return Served(**said["served"])


def _in_background(work: Callable[[], None]) -> None:
    """Do `work` in a process in a session of its own, which this one need not wait for."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    _run_and_exit(work)


def _run_and_exit(work: Callable[[], None]) -> NoReturn:
    try:
        work()
    finally:
        os._exit(0)  # never back into the code that was forked


def _run(config: Config, environ: Mapping[str, str], command: Process, writing: int) -> None:
    pipe = os.fdopen(writing, "w")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a command that shuts down may need a token for it
    _close_inherited_files()
    try:
        _serve(config, environ, command, pipe)
    except KeylessError as error:
        _answer(pipe, problem=str(error))
    except OSError as error:
        _answer(pipe, problem=f"The credentials cannot be served: {_reason(error)}.")
    except Exception as error:  # its words may be anything
        _answer(pipe, problem=f"The credentials cannot be served: {type(error).__name__}, a defect of Keyless.")


def _reason(error: OSError) -> str:
    """Return the system's words: Python's own may list what TMPDIR holds, which is described instead."""
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    return f"{words}, {describe(error.filename)} (TMPDIR names the folder for their file)" if error.filename else words


def _serve(config: Config, environ: Mapping[str, str], command: Process, pipe: TextIO) -> None:
    supplier, request = supplier_for(environ), Request(connections_for(config))
    context = SupplierContext(AWS_SUBJECT_TOKEN_TYPE, config.audience)
    exchange(config, supplier, request, config.scopes, Patience(seconds=config.deadline))
    keys = partial(supplier.get_aws_security_credentials, context, request)
    region = supplier.get_aws_region(context, request)
    with (
        Metadata(keys, region, environ.get("AWS_CREDENTIAL_EXPIRATION", "")) as server,
        tempfile.TemporaryDirectory(prefix="keyless-") as folder,
    ):
        file = credential_file.write(Path(folder), config, server)
        served = Served(
            credential_file=str(file),
            region=region,
            container_url=server.container_url,
            container_token=server.container_token,
        )
        _answer(pipe, served=asdict(served))
        _detach_from_terminal()
        command.wait()


def _answer(pipe: TextIO, **said: object) -> None:
    """Answer `start`, once; an answer that was cut short counts as none."""
    if not pipe.closed:
        with suppress(OSError), pipe:
            json.dump(said, pipe)


def _detach_from_terminal() -> None:
    """Close the command's output: a reader of it must not wait for this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)


def _close_inherited_files() -> None:
    """Close what the caller hands to the command; Python's own files are not inheritable."""
    with suppress(OSError):
        for descriptor in map(int, os.listdir("/dev/fd")):
            with suppress(OSError):
                if descriptor > 2 and os.get_inheritable(descriptor):
                    os.close(descriptor)
