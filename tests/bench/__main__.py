"""`make bench`: what a cold start costs with Keyless and without, and what happens to a token after that."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.bench import picture, report, scenarios
from tests.bench.cold import Life, live
from tests.bench.google import Google
from tests.bench.report import Lives
from tests.bench.scenarios import Lab, Seen
from tests.bench.throttle import Throttle
from tests.bench.variants import BUILD, ROOT, prepare

ROUND_TRIPS = (10, 50, 150)
COLD = ("naive", "naive, one request", "Keyless")
SLOWED = ("naive, one request", "naive, import at the top", "Keyless")
SHARE = 0.145
"""Of a core, in invocations only: what a function of 256 MB has. Init has a whole one, as on Lambda."""


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write build/bench.json and the picture."""
    _come_first()
    facts = report.machine()
    with tempfile.TemporaryDirectory(prefix="keyless-bench-") as scratch:
        lives, slowed, seen = asyncio.run(_measure(Path(scratch), options.rounds))
    print("\n".join(("", *report.cold_table(lives), "")))
    if slowed:
        print("\n".join((f"With {SHARE} of a core in invocations:", "", *report.cold_table(slowed), "")))
    else:
        print("Not measured: a share of a core. That takes root and control groups for CPU.\n")
    print("\n".join(report.scenario_table(seen)))
    print(f"\nMilliseconds are medians; ratios are medians of pairs, to `{report.STRICT}`.\n")
    print("\n".join(("This bench cannot measure:", *(f"- {line}" for line in report.NOT_MEASURED), "")))
    where = f"{facts['cpu']}, {facts['cores']} cores, load {facts['load']}; Python {facts['python']}"
    print(f"{where}; {options.rounds} rounds")
    BUILD.joinpath("bench.json").write_text(json.dumps(report.as_json([*lives, *slowed], seen, facts), indent=1) + "\n")
    if options.picture:
        picture.write(ROOT / "docs" / "bench.svg", lives, facts)


async def _measure(scratch: Path, rounds: int) -> tuple[list[Lives], list[Lives], list[Seen]]:
    async with Google.running(scratch) as google:
        lab = Lab.at(google, prepare(scratch, google.certificates.authority), scratch)
        lives: list[Lives] = []
        for distance in ROUND_TRIPS:
            lives += await _interleaved(lab, COLD, distance, rounds)
        slowed: list[Lives] = []
        with Throttle.of(SHARE) as throttle:
            if throttle:
                slowed = await _interleaved(lab, SLOWED, ROUND_TRIPS[0], max(3, rounds // 3), throttle)
        google.place(round_trip=0.05)
        return lives, slowed, await _scenarios(lab)


async def _interleaved(
    lab: Lab, names: Sequence[str], distance: int, rounds: int, throttle: Throttle | None = None
) -> list[Lives]:
    """`rounds` lives of each, taking turns; one before them is not counted."""
    lab.google.place(round_trip=distance / 1000)
    lives: dict[str, list[Life]] = {name: [] for name in names}
    for number in range(rounds + 1):
        _say(f"{distance} ms{', slowed' if throttle else ''}: round {number} of {rounds}")
        for name in names:
            life = await live(lab.variants[name], lab.google, next(lab.folders), throttle=throttle)
            if number:
                lives[name].append(life)
    share = SHARE if throttle else None
    return [Lives(variant=name, round_trip=distance, share=share, lives=lives[name]) for name in names]


async def _scenarios(lab: Lab) -> list[Seen]:
    _say("scenarios")
    seen = [await scenarios.renewed_ahead(lab)]
    for name in ("naive, one request", "Keyless"):
        seen += [await scenarios.thawed(lab, name), await scenarios.expired(lab, name)]
    seen += [await scenarios.herd(lab, name) for name in ("naive", "Keyless")]
    for what in scenarios.FAULTS:
        if what != "STS hangs once":  # google-auth would wait for two minutes
            seen += await scenarios.fault(lab, "naive, one request", what)
        seen += await scenarios.fault(lab, "Keyless", what)
    return seen


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what} ...", end="", file=sys.stderr, flush=True)


def _come_first() -> None:
    """Others' work on this machine is noise: ask for priority, where that is allowed."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="lives of each variant at each distance (default: 15)")
    parser.add_argument("--picture", action="store_true", help="write docs/bench.svg as well")
    main(parser.parse_args())
