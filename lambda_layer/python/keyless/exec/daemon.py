"""The process beside the command: proves the chain, serves the credentials, cleans up when the command has ended.

It is nobody's child and in no terminal's group: what is sent to the command, or typed, does not concern it, and the
command has no child that it did not start. It outlives whatever could end the command, and by nothing else.
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
from keyless.exec.environment import Served
from keyless.exec.metadata import Metadata
from keyless.external_account import AWS_SUBJECT_TOKEN_TYPE
from keyless.net.connections import connections_for
from keyless.net.transport import Request

LOOK_AGAIN = 0.5
"""Seconds between looks at the command where the system cannot tell of its end."""


class NotReady(KeylessError):
    """The keeper cannot do its work; says why."""


class Life:
    """A process's life, for another to wait for its end that need not be its parent."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._descriptor: int | None = None
        with suppress(AttributeError, OSError):  # Linux alone has it, and some sandboxes forbid it
            self._descriptor = os.pidfd_open(pid)

    def wait(self) -> None:
        """Return when it has ended."""
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            poll.poll()
            return
        while self._goes_on():
            time.sleep(LOOK_AGAIN)

    def _goes_on(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it has become another user's
            return True
        return True


def start(config: Config, environ: Mapping[str, str]) -> Served:
    """Start a keeper that ends with this process. Raises NotReady with the explanation when a link is broken."""
    life = Life(os.getpid())
    reading, writing = os.pipe()
    _in_background(partial(_keep, config, environ, life, writing))
    os.close(writing)
    with os.fdopen(reading) as report:
        said = json.loads(report.read() or "{}")
    if "served" not in said:
        raise NotReady(said.get("problem", "The process that should serve the credentials ended without a word."))
    return Served(**said["served"])


def _in_background(work: Callable[[], None]) -> None:
    """Do it in a process in a session of its own that this one need not wait for."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    _to_the_end(work)


def _to_the_end(work: Callable[[], None]) -> NoReturn:
    try:
        work()
    finally:
        os._exit(0)  # never back into the code that was forked


def _keep(config: Config, environ: Mapping[str, str], life: Life, writing: int) -> None:
    report = os.fdopen(writing, "w")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a command that shuts down may need a token for it
    _let_go_of_others_files()
    try:
        _serve(config, environ, life, report)
    except KeylessError as error:
        _tell(report, problem=str(error))
    except OSError as error:
        _tell(report, problem=f"The credentials cannot be served: {error}.")
    except Exception as error:  # its words may be anything
        _tell(report, problem=f"The credentials cannot be served: {type(error).__name__}, a defect of Keyless.")


def _serve(config: Config, environ: Mapping[str, str], life: Life, report: TextIO) -> None:
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
        _tell(report, served=asdict(served))
        _let_go_of_the_terminal()
        life.wait()


def _tell(report: TextIO, **said: object) -> None:
    """Answer the command's start, which hears one answer and none if it was cut short."""
    if not report.closed:
        with suppress(OSError), report:
            json.dump(said, report)


def _let_go_of_the_terminal() -> None:
    """Who reads the command's output to its end must not wait for this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)


def _let_go_of_others_files() -> None:
    """What the caller hands to the command; Python's own files are not inheritable."""
    with suppress(OSError):
        for descriptor in map(int, os.listdir("/dev/fd")):
            with suppress(OSError):
                if descriptor > 2 and os.get_inheritable(descriptor):
                    os.close(descriptor)
