"""One examination, from the leftovers of an earlier one to the removal of this one's clone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from keyless_cli.doctor.aws import Aws
from keyless_cli.doctor.clone import Clone, is_clone, name_for, variables
from keyless_cli.doctor.eligibility import differences, unfit
from keyless_cli.doctor.function_reference import FunctionReference
from keyless_cli.doctor.interruption import exposed
from keyless_cli.doctor.package import archive, in_package
from keyless_cli.doctor.refusals import ExaminationError, NotExaminedError

LACKS = {
    "layer": "Keyless's layer is not among the function's layers. docs/attach.md tells how to attach it.",
    "doctor": "The attached Keyless layer is too old: it has no doctor. Deploy this checkout's layer, and try again.",
    "import": (
        "Keyless's layer cannot be imported here, so the function itself ends at import: it is for another Python or "
        "another architecture, or another layer covers a part of it."
    ),
}
LEFT = """{failure}
The clone {name} may be left. The next examination removes it, half an hour after it was made; or do it now:
  aws lambda delete-function --function-name {name}
  aws logs delete-log-group --log-group-name {group}"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminationResult:
    """What the doctor found: `report` and `text` as `keyless.doctor.Report` makes them; notes: what the clone adds."""

    function: str
    clone: str
    report: dict[str, Any]
    text: str
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For machines: the report, with the function's ARN, the clone's name and the notes."""
        return {**self.report, "function": self.function, "clone": self.clone, "notes": list(self.notes)}


def sweep(aws: Aws, say: Say) -> tuple[list[str], list[str]]:
    """Remove what earlier examinations left; what that was, and the clones that somebody may still need.

    To be called within `sheltered`: an interruption waits until what is being removed is gone.
    """
    left: list[str] = []
    young: list[str] = []
    with exposed():
        for name, until in aws.clones():
            (left if until < time.time() else young).append(name)
    for name in left:
        say(f"Removing {name}, which an earlier examination left")
        aws.remove(name)
        with exposed():
            pass
    return left, young


def examine(
    aws: Aws, target: FunctionReference, say: Say, *, table: str | None = None, verbose: bool = False
) -> ExaminationResult:
    """Run the doctor as the function. To be called within `sheltered`; raises NotExaminedError, ExaminationError."""
    with exposed():
        clone = _clone_of(aws, target)
    sweep(aws, say)
    with _made(aws, clone, say), exposed():
        say("Waiting until Lambda has made its place")
        aws.wait_for(clone.name)
        say("Examining")
        answer = aws.ask(clone.name, {"function": target.name, "table": table, "verbose": verbose})
    if "lacks" in answer:
        raise NotExaminedError(f"{LACKS[answer['lacks']]} ({answer['words']})")
    report = answer["report"]
    notes = tuple(differences(clone, report["broken"]))
    arn = clone.original["FunctionArn"]
    return ExaminationResult(function=arn, clone=clone.name, report=report, text=answer["text"], notes=notes)


def _clone_of(aws: Aws, target: FunctionReference) -> Clone:
    configuration = aws.configuration(target)
    if is_clone(configuration):
        raise NotExaminedError(f"{configuration['FunctionName']} is a clone that the doctor made.")
    if reason := unfit(configuration):
        raise NotExaminedError(f"{configuration['FunctionName']} cannot be examined through a clone. {reason}")
    base = configuration["FunctionArn"].split(":")[:7]
    return Clone(
        name=name_for(configuration["FunctionName"]),
        original=configuration,
        tags=aws.tags(":".join(base)),
        code=archive(aws.files(target, in_package(variables(configuration)))),
    )


@contextmanager
def _made(aws: Aws, clone: Clone, say: Say) -> Iterator[None]:
    """The clone, as long as it is needed: gone at the end, whatever the end is."""
    say(f"Making {clone.name}, a clone of {clone.original['FunctionArn']}")
    try:
        aws.make(clone)
        yield
    finally:
        say(f"Removing {clone.name}")
        _remove(aws, clone)


def _remove(aws: Aws, clone: Clone) -> None:
    try:
        aws.remove(clone.name)
    except Exception as error:
        raise ExaminationError(LEFT.format(failure=error, name=clone.name, group=clone.log_group)) from error
