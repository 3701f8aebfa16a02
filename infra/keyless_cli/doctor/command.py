"""Runs the layer's doctor as a deployed function: in a clone of it, made for the purpose and removed again.

    keyless doctor NAME | NAME:ALIAS | ARN          (make doctor FUNCTION=NAME)

The clone has the function's role, layers, variables, network and key, and the doctor for a handler. The function
itself is not touched. Exit code: 0 when every link holds; 10 to 16 the broken link's (docs/runbook.md); 1 when the
examination failed; 2 when there was nothing to examine; 130 when it was interrupted. Nothing is left in any case.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError

from keyless_cli.arguments import parsed
from keyless_cli.arguments import parser as arguments_parser
from keyless_cli.doctor.aws import Aws
from keyless_cli.doctor.examination import ExaminationResult, examine, sweep
from keyless_cli.doctor.function_reference import FunctionReference, table
from keyless_cli.doctor.interruption import sheltered
from keyless_cli.doctor.refusals import ExaminationError, NotExaminedError, unasked
from keyless_cli.printing import say

YOUNG = """{name} may belong to a run that is still in progress (up to 30 minutes). If none is running:
  aws lambda delete-function --function-name {name}"""
FAILED, NOT_EXAMINED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _options(arguments)
    try:
        with sheltered():
            return _clean(options) if options.clean else _examine(options)
    except KeyboardInterrupt:
        say("Interrupted. Nothing was left.")
        return INTERRUPTED
    except NotExaminedError as error:
        say(f"doctor: {error}")
        return NOT_EXAMINED
    except BotoCoreError as error:
        say(f"doctor: {unasked(error)}")
        return NOT_EXAMINED
    except ExaminationError as error:
        say(f"doctor: {error}")
        return FAILED


def _examine(options: argparse.Namespace) -> int:
    target = options.function
    finding = examine(Aws.of(target.region), target, say, table=options.table, verbose=options.verbose)
    print(json.dumps(finding.document(), indent=2) if options.json else _told(finding))
    return int(finding.report["exit_code"])


def _clean(options: argparse.Namespace) -> int:
    region = options.function.region if options.function else None
    left, young = sweep(Aws.of(region), say)
    for name in young:
        say(YOUNG.format(name=name))
    if not left and not young:
        say("No examination has left anything.")
    return 0


def _told(finding: ExaminationResult) -> str:
    notes = "".join(f"\nNote: {note}\n" for note in finding.notes)
    return f"{finding.function}\n\n{finding.text.rstrip()}\n{notes}".rstrip()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments_parser("keyless doctor", __doc__)
    add = parser.add_argument
    add(
        "function",
        nargs="?",
        type=parsed(FunctionReference.parse),
        metavar="FUNCTION",
        help="its name, name:alias or ARN",
    )
    add(
        "--table",
        type=parsed(table),
        metavar="PROJECT.DATASET.TABLE",
        help="a table of BigQuery that it must be able to read",
    )
    add("--verbose", action="store_true", help="all that was seen, for each check")
    add("--json", action="store_true", help="for machines")
    add("--clean", action="store_true", help="only remove what an examination that was killed has left")
    options = parser.parse_args(arguments)
    if not options.function and not options.clean:
        parser.error("which FUNCTION? Its name, name:alias or ARN")
    return options


if __name__ == "__main__":
    sys.exit(main())
