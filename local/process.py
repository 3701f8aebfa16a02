"""A server as a child process: started in a group of its own, awaited, and gone with all its children."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path


class ServerFailed(RuntimeError):
    """A local server ended, or did not answer in time; the message carries the end of its log."""


class PortTaken(ServerFailed):
    """The server's port was somebody else's by the time that it came to listen."""


def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """As many loopback ports, each another one."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its name, its process (leader of its own group) and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> "Server":
        """Start `command` with exactly `env`, its output appended to `log`, in a process group of its own."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- the command is ours
                command,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return cls(name, process, log)

    def wait_until_healthy(self, url: str, *, timeout: float = 120.0) -> None:
        """Return when GET `url` answers 200; raise `ServerFailed` when the process ends (`PortTaken` when it found no
        port) or `timeout` s pass."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise self._ended()
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 -- a loopback address of ours
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.05)
        raise ServerFailed(f"{self.name} did not answer within {timeout:.0f} s at {url}.\n{self._log_end()}")

    def stop(self, *, grace: float = 5.0) -> None:
        """End the whole process group: SIGTERM, then SIGKILL after `grace` s. Safe to call again."""
        end_group(self.process.pid, grace=grace, reap=self.process.poll)

    def _ended(self) -> ServerFailed:
        log = self._log_end()
        kind = PortTaken if "already in use" in log else ServerFailed  # MiniStack's words, and the system's
        return kind(f"{self.name} ended with exit code {self.process.returncode}.\n{log}")

    def _log_end(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def end_group(group: int, *, grace: float = 5.0, reap: Callable[[], object] = lambda: None) -> None:
    """End every process of a group: SIGTERM, then SIGKILL after `grace` s; returns when none is left.

    `reap` collects the leader if it is a child of this process: until then it counts as alive.
    """
    for sig, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        with suppress(ProcessLookupError):
            os.killpg(group, sig)
        while time.monotonic() < deadline:
            reap()
            if not group_lives(group):
                return
            time.sleep(0.02)


def group_lives(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
