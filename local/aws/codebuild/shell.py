"""A build's commands, each in a shell of its own that takes over variables and folder from the one before it.

That is how CodeBuild's agent does it for version 0.2 of a buildspec: what a command assigns, the next one sees.
"""

import os
import select
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local.process import end_group, group_lives

POLL = 0.05
GRACE = 2.0
PROLOGUE = """\
set -a
. {state}/variables
cd "$(cat {state}/folder)" || exit 1
trap 'export -p > {state}/variables; pwd > {state}/folder' EXIT
"""


class Interrupted(Exception):
    """The build was stopped, or its time is up; `status` is STOPPED or TIMED_OUT."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """What ends a build before its time: somebody's wish, or the monotonic clock."""

    stop: threading.Event
    deadline: float

    def check(self) -> None:
        """Raise `Interrupted` when one of them does."""
        if self.stop.is_set():
            raise Interrupted("STOPPED")
        if time.monotonic() > self.deadline:
            raise Interrupted("TIMED_OUT")


class Shell:
    """Runs commands in `source`, with `variables` and nothing else; each line they print goes to `write`.

    `state` is an empty folder of the build's. Leaving the `with` ends what commands left running.
    """

    def __init__(
        self,
        interpreter: str,
        state: Path,
        source: Path,
        variables: Mapping[str, str],
        *,
        write: Callable[[list[str]], None],
        limits: Limits,
    ) -> None:
        self._interpreter, self._state, self._write, self._limits = interpreter, state, write, limits
        self._left_running: list[int] = []
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._partial = b""
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
        self._private("variables", "".join(lines))
        self._private("folder", str(source))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for group in self._left_running:
            end_group(group, grace=GRACE)
        os.close(self._writing)
        os.close(self._reading)

    def run(self, command: str, **variables: str) -> int:
        """The exit code of one command; `variables` are set for it and those after it. Raises `Interrupted`."""
        self._limits.check()
        own = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        prologue = PROLOGUE.format(state=shlex.quote(str(self._state)))
        self._private("script.sh", f"{prologue}{own}{command}\n")
        process = subprocess.Popen(  # noqa: S603 -- the user's own commands are what a build is
            [self._interpreter, str(self._state / "script.sh")],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=self._writing,
            stderr=self._writing,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                self._limits.check()
                self._take(POLL)
        except Interrupted:
            end_group(process.pid, grace=GRACE, reap=process.poll)
            raise
        finally:
            self._take(0)
            self._flush()
        if group_lives(process.pid):
            self._left_running.append(process.pid)
        return process.returncode

    def variable(self, name: str) -> str:
        """What `name` is now, for a text of the buildspec that refers to it."""
        script = f'. {shlex.quote(str(self._state))}/variables; printf %s "${{{name}:-}}"'
        done = subprocess.run([self._interpreter, "-c", script], env={}, capture_output=True, check=False)  # noqa: S603
        return done.stdout.decode(errors="replace")

    def _private(self, name: str, text: str) -> None:
        """Variables may be secrets."""
        path = self._state / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)

    def _take(self, patience: float) -> None:
        """Pass on what was printed; waits that many seconds for the first of it."""
        if not select.select([self._reading], [], [], patience)[0]:
            return
        try:
            while chunk := os.read(self._reading, 65536):
                *lines, self._partial = (self._partial + chunk).split(b"\n")
                self._pass_on(lines)
        except BlockingIOError:
            return

    def _flush(self) -> None:
        rest, self._partial = self._partial, b""
        self._pass_on([rest] if rest else [])

    def _pass_on(self, lines: list[bytes]) -> None:
        if lines:
            self._write([line.decode(errors="replace") for line in lines])
