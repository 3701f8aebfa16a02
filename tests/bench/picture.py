"""The cold start as a picture: what happens when, with Keyless and without, at each distance."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.google import BIGQUERY, IAM, STS
from tests.bench.report import STRICT, Lives

WIDTH, LEFT, BAR, LANE = 860, 150, 22, 9
COLOURS = {"init": "#9aa5b1", "first": "#d9822b", STS: "#2b6cb0", IAM: "#6b46c1", BIGQUERY: "#2f855a"}
NAMES = {STS: "STS", IAM: "IAM", BIGQUERY: "BigQuery", "init": "init", "first": "first request"}


def write(file: Path, lives: Sequence[Lives], facts: Mapping[str, Any]) -> None:
    """Draw the life nearest to the median for each variant and distance."""
    shown = [one for one in lives if one.variant in (STRICT, "Keyless")]
    blocks: list[str] = []
    y = 64
    for distance in sorted({one.round_trip for one in shown}):
        group = [one for one in shown if one.round_trip == distance]
        scale = (WIDTH - LEFT - 90) / max(_typical(one)["cold"] for one in group)
        blocks.append(f'<text x="16" y="{y + 4}" class="h">Google {distance} ms away</text>')
        for one in group:
            y += 16
            blocks += _life(_typical(one), "Keyless" if one.variant == "Keyless" else "usual way", y, scale)
            y += BAR + 3 * LANE + 6
        y += 34
    file.write_text("\n".join(_frame(y + 12, blocks, facts)) + "\n")


def _typical(one: Lives) -> dict[str, Any]:
    middle = one.median(lambda life: life.cold)
    life = min(one.lives, key=lambda life: abs(life.cold - middle))
    return {"ready": life.ready, "cold": life.cold, "visits": life.visits}


def _life(life: Mapping[str, Any], name: str, y: int, scale: float) -> Iterator[str]:
    """The process as one bar, and below it a lane for each host: dark while it speaks, light while it connects."""
    yield f'<text x="{LEFT - 10}" y="{y + 15}" class="r">{name}</text>'
    yield _bar(0, life["ready"], y, BAR, scale, COLOURS["init"])
    yield _bar(life["ready"], life["cold"], y, BAR, scale, COLOURS["first"])
    yield f'<text x="{LEFT + life["cold"] * scale + 8:.1f}" y="{y + 16}" class="b">{life["cold"]:.0f} ms</text>'
    for lane, host in enumerate((STS, IAM, BIGQUERY)):
        top = y + BAR + 3 + lane * LANE
        for visit in [visit for visit in life["visits"] if visit["host"] == host]:
            if visit["secured"] > 0:
                yield _bar(visit["opened"], visit["secured"], top, LANE - 3, scale, COLOURS[host], 0.35)
            for sent, answered, _ in visit["requests"]:
                yield _bar(sent, min(answered, life["cold"]), top, LANE - 3, scale, COLOURS[host])


def _bar(start: float, end: float, y: float, height: int, scale: float, colour: str, opacity: float = 1.0) -> str:
    width = max((end - start) * scale, 0)
    return (
        f'<rect x="{LEFT + start * scale:.1f}" y="{y}" width="{width:.1f}" height="{height}" '
        f'fill="{colour}" opacity="{opacity}"/>'
    )


def _frame(height: int, blocks: Sequence[str], facts: Mapping[str, Any]) -> Iterator[str]:
    words = f"{facts['cpu']}, {facts['cores']} cores, Python {facts['python']}; medians; make bench"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + 16}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">'
    )
    yield "<title>From the start of the process to the first answer, with Keyless and without</title>"
    yield "<style>.h{font-weight:600}.r{text-anchor:end}.b{font-weight:600}text{fill:#1f2933}.s{fill:#616e7c}</style>"
    yield f'<rect width="{WIDTH}" height="{height + 16}" fill="#ffffff"/>'
    yield '<text x="16" y="22" font-size="15" class="h">From the start of the process to the first answer</text>'
    for place, (key, name) in enumerate(NAMES.items()):
        yield f'<rect x="{16 + place * 88}" y="36" width="10" height="10" fill="{COLOURS[key]}"/>'
        yield f'<text x="{30 + place * 88}" y="45">{name}</text>'
    yield from blocks
    yield f'<text x="16" y="{height + 4}" class="s">{words}. Light: connecting. Dark: asking.</text>'
    yield "</svg>"
