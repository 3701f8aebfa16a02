"""What happens after the cold start: tokens that end, a process that slept, a herd, and Google's bad days."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.environment import Environment, FunctionDied, Invoked
from tests.bench.google import BIGQUERY, HANG, IAM, STS, Google
from tests.bench.variants import Variant

HOUR = 3600.0
BARELY = {"naive": 228.0, "Keyless": 13.0}
"""Lifetimes in seconds of tokens that each still uses for 3 s: google-auth gives one up 225 s before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one step cost: counts are of requests and new connections during it, `turns` as in `Traffic`."""

    scenario: str
    variant: str
    milliseconds: float
    sts: int
    iam: int
    queries: int
    connections: int
    turns: int
    outcome: str


@dataclass(slots=True)
class Lab:
    """Where scenarios run: variants by name, a folder for each process."""

    google: Google
    variants: Mapping[str, Variant]
    folders: Iterator[Path]

    @classmethod
    def at(cls, google: Google, variants: Mapping[str, Variant], scratch: Path) -> "Lab":
        """A lab whose processes write below `scratch`."""
        return cls(google, variants, (_made(scratch / f"process-{number}") for number in itertools.count()))

    def start(self, name: str, **options: Any) -> Any:
        """An environment of the variant, to be entered."""
        return Environment.started(self.variants[name], self.google, next(self.folders), **options)

    def seen(self, scenario: str, variant: str, invoked: Invoked) -> Seen:
        """What Google has seen since its counts were cleared."""
        requests = self.google.requests()
        error = invoked.answer.get("errorType", "") if isinstance(invoked.answer, dict) else ""
        return Seen(
            scenario=scenario,
            variant=variant,
            milliseconds=round(invoked.milliseconds, 1),
            sts=requests[STS],
            iam=sum(asked.path.endswith(":generateAccessToken") for asked in self.google.asked),
            queries=requests[BIGQUERY],
            connections=len(self.google.traffic.visits),
            turns=self.google.traffic.turns,
            outcome=error if invoked.failed else "answered",
        )


async def renewed_ahead(lab: Lab) -> Seen:
    """Keyless, 50 minutes later by the clock, with requests flowing: the first that finds the token old."""
    lab.google.lifetime = HOUR
    async with lab.start("Keyless", clock=True) as environment:
        await environment.invoke()
        environment.jump(HOUR - 660)
        await environment.invoke()
        environment.jump(HOUR - 540)
        lab.google.clear()
        invoked = await environment.invoke()
        await _settle(lambda: lab.google.requests()[IAM] == 1)
        return lab.seen("token near its end", "Keyless", invoked)


async def expired(lab: Lab, name: str) -> Seen:
    """After a freeze in which the token ended and Google closed every connection."""
    lab.google.clear()
    lab.google.lifetime = BARELY[name.split(",")[0]]
    try:
        async with lab.start(name) as environment:
            await environment.invoke()
            with environment.frozen():
                lab.google.hang_up()
                await asyncio.sleep(4)
                lab.google.clear()
            return lab.seen("frozen until the token had ended", name, await environment.invoke())
    finally:
        lab.google.lifetime = HOUR


async def thawed(lab: Lab, name: str) -> Seen:
    """After a freeze in which Google closed every connection; the token is good."""
    lab.google.clear()
    async with lab.start(name) as environment:
        await environment.invoke()
        with environment.frozen():
            lab.google.hang_up()
            await asyncio.sleep(0.2)
            lab.google.clear()
        return lab.seen("frozen until connections had died", name, await environment.invoke())


async def herd(lab: Lab, name: str) -> Seen:
    """64 threads that need a token at the same moment and find none."""
    lab.google.clear()
    lab.google.fail(STS, [400] * 9)  # so that init leaves no token behind
    async with lab.start(f"{name}, herd") as environment:
        lab.google.clear()
        invoked = await environment.invoke()
        seen = lab.seen("64 threads at once", name, invoked)
        if not invoked.failed and invoked.answer["answered"] != 64:
            raise FunctionDied(f"{name}: {invoked.answer}")
        return seen


FAULTS: dict[str, tuple[str, list[int]]] = {
    "STS answers 503 once": (STS, [503]),
    "STS answers 429 twice": (STS, [429, 429]),
    "STS hangs once": (STS, [HANG]),
    "IAM answers 500 once": (IAM, [500]),
    "IAM answers 503 for ever": (IAM, [503] * 99),
}


async def fault(lab: Lab, name: str, what: str) -> list[Seen]:
    """A cold start on a bad day: its first request, and the one after it, when the day is good again."""
    host, statuses = FAULTS[what]
    lab.google.clear()
    lab.google.fail(host, statuses)
    async with lab.start(name) as environment:
        first = lab.seen(what, name, await environment.invoke())
        lab.google.clear()
        return [first, lab.seen("  the request after that", name, await environment.invoke())]


async def _settle(done: Callable[[], bool]) -> None:
    for _ in range(500):
        if done():
            return
        await asyncio.sleep(0.02)
    raise FunctionDied("nothing was renewed")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
