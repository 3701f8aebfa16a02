"""Write docs/troubleshooting.md from the layer's own catalogue of failures.

python -m lambda_layer.troubleshooting
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

LAYER = Path(__file__).parent / "python"
DOCUMENT = Path(__file__).parents[1] / "docs" / "troubleshooting.md"

sys.path.insert(0, str(LAYER))

from keyless.failures.catalogue import ALL  # noqa: E402
from keyless.failures.failure import Failure  # noqa: E402

HEAD = """\
# Every failure, its cause, and what to do

Made by `python -m lambda_layer.troubleshooting` from the layer's own catalogue
([keyless/failures](../lambda_layer/python/keyless/failures)). The headings are what an exception and the
doctor have as `failure`. Names in capitals are yours to fill in; `python -m keyless doctor` ([doctor.md](doctor.md))
finds out which of these it is, and fills them in for you.
"""
TITLES = {
    "configuration": "Settings",
    "aws-credentials": "AWS's credentials",
    "identity": "Who AWS says we are (the doctor warns)",
    "clock": "The clock",
    "network": "The way to Google",
    "sts-exchange": "The exchange (`ExchangeError`)",
    "impersonation": "Impersonation (`ImpersonationError`)",
    "api": "The API (its own client's exceptions, and `ApiError`)",
    "anywhere": "At any of Google's hosts",
    "deploy": "Before there is a chain: deploying",
}


def document() -> str:
    """Return the whole page."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield HEAD
    for section, failures in groupby(sorted(ALL, key=lambda one: list(TITLES).index(_section(one))), key=_section):
        yield f"\n## {TITLES[section]}\n"
        yield from map(_entry, failures)


def _section(failure: Failure) -> str:
    at_all = {"sts-exchange", "impersonation", "api"} == set(failure.links)
    return "anywhere" if at_all else failure.links[0]


def _entry(failure: Failure) -> str:
    like = f"- **Looks like** [{failure.seen_as}](#{failure.seen_as}).\n" if failure.seen_as else ""
    return (
        f"\n### {failure.id}\n\n"
        f"- **Symptom:** {failure.symptom}\n{like}"
        f"- **Cause:** {failure.cause}.\n- **Confirm:** {failure.confirm}.\n- **Remedy:** {failure.remedy}.\n"
    )


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m lambda_layer.troubleshooting", description=__doc__).parse_args()
    DOCUMENT.write_text(document())
