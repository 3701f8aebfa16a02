"""An execution environment: a process with the real runtime client, and a Runtime API of its own."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.bench.google import Google
from tests.bench.runtime_api import DEADLINE, RuntimeApi
from tests.bench.throttle import Throttle
from tests.bench.variants import RUNTIME, Variant

HERE = Path(__file__).parent
BOOTSTRAP = HERE.parents[1] / "local" / "aws" / "functions" / "bootstrap.py"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Invoked:
    """One invocation: how long it took from the event to the answer, and the answer."""

    milliseconds: float
    answer: Any
    failed: bool


class FunctionDied(Exception):
    """The process ended, or said nothing for too long."""


@dataclass(slots=True)
class Environment:
    """A function's process; use `started`. `began` and `ready` (init over) are the event loop's times."""

    folder: Path
    throttle: Throttle | None
    began: float = 0.0
    ready: float = 0.0
    _api: RuntimeApi = field(default_factory=RuntimeApi)
    _process: asyncio.subprocess.Process | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def started(
        cls, variant: Variant, google: Google, folder: Path, *, throttle: Throttle | None = None, clock: bool = False
    ) -> AsyncIterator["Environment"]:
        """A process whose init is over. `folder` is its own; `throttle` slows invocations only; `clock`: see `jump`."""
        self = cls(folder, throttle)
        server = await self._api.listen()
        try:
            await self._start(variant, google, server.sockets[0].getsockname()[1], clock)
            self.ready = await self._next(self._api.asked)
            yield self
        finally:
            if self._process and self._process.returncode is None:
                self._process.kill()
                await self._process.wait()
            server.close()

    @property
    def output(self) -> str:
        """All that the function wrote."""
        return (self.folder / "output").read_text(errors="replace")

    @property
    def strays(self) -> list[str]:
        """Names other than Google's that were looked up."""
        file = self.folder / "stray"
        return file.read_text().split() if file.exists() else []

    def cpu(self) -> float:
        """Milliseconds of CPU time that the process has used, all threads together."""
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        ended = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        alive = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6
        return max(alive, (int(ended[11]) + int(ended[12])) * 1000 / os.sysconf("SC_CLK_TCK"))

    async def invoke(self) -> Invoked:
        """Run one invocation, until the runtime asks for the next."""
        assert self._process is not None
        slowed = self.throttle.on(self._process.pid) if self.throttle else contextlib.nullcontext()
        with slowed:
            began = asyncio.get_running_loop().time()
            self._api.send(b"{}")
            ended, body, failed = await self._next(self._api.answers)
        await self._next(self._api.asked)
        return Invoked((ended - began) * 1000, json.loads(body or b"null"), failed)

    def jump(self, seconds: float) -> None:
        """Put the function's `time.time` ahead by `seconds` in all; `datetime` does not know of it."""
        new = self.folder / "clock.new"
        new.write_text(str(seconds))
        new.replace(self.folder / "clock")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """While inside, the process gets no CPU: what Lambda does between invocations."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def _start(self, variant: Variant, google: Google, port: int, clock: bool) -> None:
        plan = {
            "ports": google.ports,
            "opt": str(variant.opt),
            "bootstrap": str(BOOTSTRAP),
            "stray": str(self.folder / "stray"),
            "clock": str(self.folder / "clock") if clock else "",
        }
        environ = variant.environ() | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "BENCH_PLAN": json.dumps(plan)}
        with (self.folder / "output").open("ab") as output:
            self.began = asyncio.get_running_loop().time()
            self._process = await asyncio.create_subprocess_exec(
                RUNTIME, "-P", "-B", HERE / "start.py", env=environ, cwd=variant.task, stdout=output, stderr=output
            )

    async def _next(self, queue: "asyncio.Queue[T]") -> T:
        assert self._process is not None
        got, over = asyncio.ensure_future(queue.get()), asyncio.ensure_future(self._process.wait())
        _, waiting = await asyncio.wait({got, over}, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if got.done() and not got.cancelled():
            return got.result()
        what = "said nothing for too long" if over in waiting else f"ended with {self._process.returncode}"
        raise FunctionDied(f"the function's process {what}. It wrote:\n{self.output[-3000:]}")
