"""Build the layer for every runtime and architecture, and write what came out into docs/layer.md and README.md.

    python -m lambda_layer.matrix

The build itself refuses a library for another processor, one that asks for a newer glibc than the runtime has,
and a layer over its budget.
"""

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

from lambda_layer.build import ROOT, build
from lambda_layer.build_steps import record
from lambda_layer.build_steps.programs import BuildError
from lambda_layer.build_steps.target import MACHINES, RUNTIMES, Target

DOCUMENT, README = ROOT / "docs" / "layer.md", ROOT / "README.md"
BEGIN, END = "<!-- make matrix -->\n", "<!-- end -->\n"
COMBINATIONS = tuple(product(RUNTIMES, MACHINES))


def build_all() -> dict[tuple[str, str], Path]:
    """Build every combination that is missing or not current, and return the zips. Raises BuildError."""
    with ThreadPoolExecutor() as pool:
        zips = pool.map(lambda combination: build(*combination), COMBINATIONS)
        return dict(zip(COMBINATIONS, zips, strict=True))


def table() -> str:
    """Return the records of the last builds as a Markdown table."""
    return "\n".join(_lines()) + "\n"


def summary() -> str:
    """Return the same in short: a line for each runtime, sizes zipped and unzipped."""
    lines = [f"| | {' | '.join(f'`{architecture}`' for architecture in MACHINES)} |"]
    lines.append("|---" * (1 + len(MACHINES)) + "|")
    for runtime in RUNTIMES:
        sizes = (_record(runtime, architecture) for architecture in MACHINES)
        told = (
            f"{made.zipped / 1e6:.1f} / {made.unzipped / 1e6:.1f} MB{'' if made.bytecode else ' *'}" for made in sizes
        )
        lines.append(f"| `{runtime}` | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def document(text: str, made: str) -> str:
    """Return the document with the table between its two marks replaced."""
    written, times = re.subn(f"(?<={BEGIN}).*(?={END})", lambda _: made, text, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"The table's place is not marked: {BEGIN.strip()} and {END.strip()}, once each.")
    return written


def _lines() -> Iterator[str]:
    yield "| runtime | architecture | glibc | zipped | unzipped | bytecode |"
    yield "|---|---|---|---|---|---|"
    for runtime, architecture in COMBINATIONS:
        made = _record(runtime, architecture)
        libc = f"2.{Target(runtime, architecture, None).glibc}"
        sizes = f"{made.zipped / 1e6:.1f} MB | {made.unzipped / 1e6:.1f} MB"
        yield f"| `{runtime}` | `{architecture}` | {libc} | {sizes} | {'yes' if made.bytecode else 'no'} |"


def _record(runtime: str, architecture: str) -> record.BuildRecord:
    made = record.read(ROOT / "build" / f"layer-{runtime}-{architecture}")
    if made is None:
        raise BuildError(f"the layer for {runtime} on {architecture} has not been built")
    return made


def main() -> None:
    """Run the command line."""
    try:
        build_all()
        made = table()
    except BuildError as error:
        sys.exit(f"lambda_layer/matrix.py: {error}.")
    for path, part in ((DOCUMENT, made), (README, summary())):
        path.write_text(document(path.read_text(), part))
    print(made, end="")


if __name__ == "__main__":
    main()
