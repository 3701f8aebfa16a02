"""What a run found, as tables for people and as JSON for programs."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.cold import Life
from tests.bench.scenarios import Seen

STRICT = "naive, one request"
"""What ratios refer to: the usual way without its second request for each query, as that is the caller's choice."""

NOT_MEASURED = (
    "Google's own time: the hosts answer at once. It comes on top of both sides, twice (STS, IAM) and once a query.",
    "Name resolution, loss, and the distance to AWS's STS, which Google asks, not the function.",
    "Fetching and unpacking the layer, and the sandbox: the process starts from a warm page cache.",
    "SnapStart and Managed Instances: there is no way to run them here.",
    "That a machine's cores are fast or idle: compare ratios within a run, not milliseconds between runs.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """The lives of one variant at one distance; `share` of a core in invocations, None for all of it."""

    variant: str
    round_trip: int
    share: float | None
    lives: Sequence[Life]

    def median(self, of: Callable[[Life], float]) -> float:
        """The median over all lives."""
        return statistics.median(map(of, self.lives))

    def paired(self, other: "Lives", of: Callable[[Life], float]) -> float:
        """The median of the ratios to `other`, life by life as they ran."""
        return statistics.median(of(a) / of(b) for a, b in zip(self.lives, other.lives, strict=True))


def warm(life: Life) -> float:
    """A typical warm invocation."""
    return statistics.median(life.warm)


def machine() -> dict[str, Any]:
    """What this ran on, as far as it matters."""
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": cpu[0].split(":")[1].strip() if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def cold_table(lives: Sequence[Lives]) -> list[str]:
    """A line for each variant and distance."""
    head = f"{'RTT':>6}  {'variant':<26}{'init':>7}{'first':>8}{'cold':>8}{'ratio':>8}{'warm':>8}{'first/warm':>12}"
    lines = [f"{head}{'CPU':>7}{'turns':>7}{'conns':>7}", ""]
    for one in lives:
        base = next(x for x in lives if (x.round_trip, x.variant, x.share) == (one.round_trip, STRICT, one.share))
        lines.append(
            f"{one.round_trip:>3} ms  {one.variant:<26}{one.median(lambda life: life.ready):>7.0f}"
            f"{one.median(lambda life: life.first):>8.0f}{one.median(lambda life: life.cold):>8.0f}"
            f"{one.paired(base, lambda life: life.cold):>8.2f}{one.median(warm):>8.1f}"
            f"{one.median(lambda life: life.first / warm(life)):>12.2f}{one.median(lambda life: life.cpu):>7.0f}"
            f"{one.median(lambda life: life.turns):>7.0f}"
            f"{one.median(lambda life: sum(life.connections.values())):>7.0f}"
        )
    return lines


def scenario_table(seen: Sequence[Seen]) -> list[str]:
    """A line for each step of each scenario."""
    head = f"{'scenario':<36}{'variant':<10}{'ms':>7}{'STS':>5}{'IAM':>5}{'queries':>9}{'new conns':>11}{'turns':>7}"
    return [f"{head}  outcome", ""] + [
        f"{one.scenario:<36}{one.variant.split(',')[0]:<10}{one.milliseconds:>7.0f}{one.sts:>5}{one.iam:>5}"
        f"{one.queries:>9}{one.connections:>11}{one.turns:>7}  {one.outcome}"
        for one in seen
    ]


def as_json(lives: Sequence[Lives], seen: Sequence[Seen], facts: Mapping[str, Any]) -> dict[str, Any]:
    """All that was measured."""
    return {
        "machine": dict(facts),
        "not_measured": list(NOT_MEASURED),
        "ratio_to": STRICT,
        "cold": [asdict(one) for one in lives],
        "scenarios": [asdict(one) for one in seen],
    }
