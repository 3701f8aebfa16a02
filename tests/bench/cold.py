"""One life of a function, from its start through its first request to warm ones: times and counts."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.environment import Environment
from tests.bench.google import Google
from tests.bench.hosts import Visit
from tests.bench.throttle import Throttle
from tests.bench.variants import Variant

WARM = 4
"""Invocations after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Milliseconds from the start of the process (`warm`: each invocation's own), and what Google saw of it.

    `ready`: when the runtime asked for the first event. `cold`: when the first answer was there. `cpu`: of it, CPU
    time. Counts are of the time until then, but for `requests_warm`: those of the warm invocations together.
    """

    ready: float
    first: float
    cold: float
    cpu: float
    warm: list[float]
    turns: int
    connections: dict[str, int]
    requests: dict[str, int]
    requests_warm: int
    strays: list[str]
    visits: list[dict[str, Any]]


async def live(variant: Variant, google: Google, folder: Path, *, throttle: Throttle | None = None) -> Life:
    """Start `variant`, invoke it until it is warm, and end it. Raises FunctionDied when it does not work."""
    google.clear()
    async with Environment.started(variant, google, folder, throttle=throttle) as environment:
        first = await environment.invoke()
        if first.failed:
            raise AssertionError(f"{variant.name} failed: {first.answer}")
        requests, traffic = google.requests(), google.traffic
        turns, connections, cpu = traffic.turns, traffic.connections(), environment.cpu()
        visits = [_since(environment.began, visit) for visit in traffic.visits]
        warm = [(await environment.invoke()).milliseconds for _ in range(WARM)]
        return Life(
            ready=(environment.ready - environment.began) * 1000,
            first=first.milliseconds,
            cold=(environment.ready - environment.began) * 1000 + first.milliseconds,
            cpu=cpu,
            warm=warm,
            turns=turns,
            connections=dict(connections),
            requests=dict(requests),
            requests_warm=sum((google.requests() - Counter(requests)).values()),
            strays=environment.strays,
            visits=visits,
        )


def _since(began: float, visit: Visit) -> dict[str, Any]:
    def after(moment: float) -> float:
        return round((moment - began) * 1000, 1)

    calls = [(after(sent), after(answered), what) for sent, answered, what in visit.requests]
    return asdict(visit) | {"opened": after(visit.opened), "secured": after(visit.secured), "requests": calls}
