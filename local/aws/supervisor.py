"""Runs one command and sees to it that nothing of it remains: no process, however deep, whatever the end."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
POLL = 0.2


def supervise(command: Sequence[str], env: Mapping[str, str], cwd: Path, *, with_parent: bool = False) -> int:
    """Run `command` until it ends (its exit code) or SIGTERM, SIGINT or SIGHUP comes (0).

    The end is SIGKILL for the whole group: the local AWS has nothing to save, and a custom resource that
    hangs makes MiniStack deaf to anything gentler. With `with_parent`, the parent's end is an end too.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    _adopt_orphans()
    parent = os.getppid()
    process = subprocess.Popen(command, env=env, cwd=cwd, start_new_session=True)  # noqa: S603
    try:
        while process.poll() is None and not stop.is_set():
            stop.wait(POLL)
            # The kernel's own signal for this (PR_SET_PDEATHSIG) comes when the *thread* that started us ends.
            if with_parent and os.getppid() != parent:
                stop.set()
    finally:
        _kill(process)
    return 0 if stop.is_set() else process.returncode or 1


def _adopt_orphans() -> None:
    """Become the parent of what the command leaves behind: a function may start a session of its own."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while orphans := _children():
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:  # not Linux
        return []
