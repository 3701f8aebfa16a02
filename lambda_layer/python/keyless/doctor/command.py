"""The command line of `doctor`."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence

from keyless.doctor.examination import examine
from keyless.doctor.report import EXIT_CODES
from keyless.refusals import describe
from keyless.variables import PROJECT

_TABLE = re.compile(rf"{PROJECT}\.\w{{1,1024}}\.(?u:[\w -]{{1,1024}})", re.ASCII)


def main(arguments: Sequence[str]) -> int:
    """Examine the chain of this environment, print the report, and return the exit code."""
    codes = ", ".join(f"{code} {link}" for link, code in EXIT_CODES.items())
    parser = argparse.ArgumentParser(
        prog="python -m keyless doctor",
        description="Go down the chain from here to Google and say which link is broken.",
        epilog=f"Exit codes: 0 every link holds, 2 wrong usage, by broken link {codes}.",
    )
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--verbose", action="store_true", help="all that was seen; never a secret")
    parser.add_argument("--table", type=_table, metavar="PROJECT.DATASET.TABLE", help="may it be read?")
    options, others = parser.parse_known_args(arguments)
    if others:
        parser.error(f"{', '.join(map(describe, others))}: there is no such argument")
    report = examine(os.environ, table=options.table)
    text = report.as_text(verbose=options.verbose)
    sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n" if options.json else text)
    return report.exit_code


def _table(text: str) -> str:
    if not _TABLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be PROJECT.DATASET.TABLE, not {describe(text)}")
    return text
