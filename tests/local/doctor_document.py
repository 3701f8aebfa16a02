"""Write the table of what is staged into docs/doctor.md.

python -m tests.local.doctor_document
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from tests.local.doctor_stages import STAGES

DOCUMENT = Path(__file__).parents[2] / "docs" / "doctor.md"
BEGIN, END = "<!-- staged -->\n", "<!-- end -->\n"

LINKS = ("configuration", "aws-credentials", "identity", "clock", "network", "sts-exchange", "impersonation", "api")

NOT_STAGED = {
    "aws-keys-in-container": "only who names `EnvironmentSupplier` in code meets it, and the doctor names none",
    "binding-to-session": "Google's answer is that of `binding-missing`, which is staged and speaks of it",
    "aws-keys-malformed": "the layer's own check before anything is sent; `tests/unit/test_keyless_secrets.py` has it",
    "aws-keys-of-profile": "a profile in the environment; `tests/unit/test_keyless_catalogue.py` has it",
    "aws-keys-of-web-identity": "a pod of EKS; `tests/unit/test_keyless_catalogue.py` has it",
    "aws-unreachable-for-google": "Google's words; `tests/unit/test_keyless_catalogue.py` has them",
    "billing-disabled": "BigQuery's words; `tests/unit/test_keyless_catalogue.py` has them",
    "drive-scope-missing": "BigQuery's words; `tests/unit/test_keyless_catalogue.py` has them",
    "quota-project-denied": "Google's words; `tests/unit/test_keyless_catalogue.py` has them",
    "scope-invalid": "Google's words; `tests/unit/test_keyless_catalogue.py` has them",
    "organization-policy": "it is met by whoever deploys; the local Google has no organization",
    "pool-id-blocked": "it is met by whoever deploys; `tests/local/test_federation.py` has it",
}
HOW = {"clouds": "on the local clouds", "machine": "on the machine or the way", "words": "by a server that says it"}


def document(text: str) -> str:
    """The document with the table between its two marks replaced."""
    written, times = re.subn(f"(?<={BEGIN}).*(?={END})", lambda _: "".join(_lines()), text, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"The table's place is not marked: {BEGIN.strip()} and {END.strip()}, once each.")
    return written


def _lines() -> Iterator[str]:
    yield "\n| broken | staged | link | what the doctor says |\n|---|---|---|---|\n"
    for stage in sorted(STAGES, key=lambda stage: LINKS.index(stage.link)):
        said = f"[{stage.failure}](troubleshooting.md#{stage.failure})"
        warned = " (a warning)" if stage.verdict == "warning" else ""
        yield f"| {stage.what} | {HOW[stage.how]} | {stage.link} | {said}{warned} |\n"
    yield "\nNot staged:\n\n| failure | why |\n|---|---|\n"
    for failure, why in NOT_STAGED.items():
        yield f"| [{failure}](troubleshooting.md#{failure}) | {why} |\n"
    yield "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.local.doctor_document", description=__doc__).parse_args()
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
