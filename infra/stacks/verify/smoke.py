"""The smoke test itself: deploy, ask, break a link and mend it, and whatever happens, take everything away again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat

from botocore.exceptions import BotoCoreError, ClientError
from google.auth.exceptions import GoogleAuthError

from keyless_cli.bootstrap import administrator
from keyless_federation.clock import attempts
from keyless_federation.errors import FederationError
from stacks.verify.aws import Aws, RefusedError
from stacks.verify.commands import CommandError, Commands
from stacks.verify.google import GoogleCloud
from stacks.verify.report import Report

PROPAGATION = 420.0  # seconds that Google may take until everyone knows of a change
PAUSE = 5.0  # seconds between two looks
ROLLBACK = 1200.0  # seconds for CloudFormation to come to rest
LINK = "sts-exchange failed"
PROBLEMS = (CommandError, RefusedError, FederationError, GoogleAuthError, ClientError, BotoCoreError, LookupError)


class UnexpectedError(LookupError):
    """Something was not as it has to be; the message says what."""


@dataclass(frozen=True, slots=True)
class Smoke:
    """One run over both clouds; `report` is told of every step."""

    aws: Aws
    google: GoogleCloud
    commands: Commands
    report: Report

    def run(self) -> bool:
        """All of it; True when every step ended well and nothing is left."""
        try:
            self._try_out()
        except PROBLEMS as error:
            print(f"\n{explain(error)}\n", flush=True)
        except KeyboardInterrupt:
            print("\nInterrupted. Taking everything away; a second Ctrl-C stops that, too.\n", flush=True)
        return self.clean_up() and self.report.passed

    def clean_up(self) -> bool:
        """Take away whatever is there, every part for itself; True when nothing is left."""
        clean = True
        parts: list[tuple[str, Callable[[list[str]], None]]] = [("Destroying the stack", self._destroy)]
        if not self.aws.target.bootstrapped:
            parts.append(("Withdrawing the stage from Google's bootstrap", lambda seen: self.commands.withdraw()))
        for what, part in [*parts, ("Looking for what is left on either side", self._require_nothing)]:
            try:
                with self.report.steps.step(what) as seen:
                    part(seen)
            except PROBLEMS as error:
                print(f"\n{explain(error)}\n", flush=True)
                clean = False
        return clean

    def _try_out(self) -> None:
        if not self.aws.target.bootstrapped:
            with self.report.steps.step("Bootstrapping the stage on Google's side"):
                self.commands.bootstrap()
        with self.report.steps.step("Deploying both halves with `cdk deploy`"):
            self.commands.deploy()
        with self.report.steps.step("Querying BigQuery through the alias") as seen:
            seen += [f"{len(self._rows('live'))} rows", f"as {self.aws.identity()}"]
        with self.report.steps.step("Breaking a link: the provider is disabled") as seen:
            self.google.set_provider(disabled=True)
            seen.append(self._refusal())
        with self.report.steps.step("Mending it: rows again") as seen:
            self.google.set_provider(disabled=False)
            seen.append(f"{self._rows_again()} rows")

    def _rows(self, qualifier: str) -> list[dict[str, object]]:
        if not (rows := self.aws.query(qualifier)):
            raise UnexpectedError("The function answered, but without rows")
        return rows

    def _refusal(self) -> str:
        """What a new environment is refused with, once the change is known everywhere."""
        for attempt in _patiently():
            self.aws.renew(f"broken-{attempt}")
            try:
                self._rows("$LATEST")
            except RefusedError as error:
                if LINK not in str(error):
                    raise UnexpectedError(f"The refusal names another link than the broken one: {error}") from error
                return str(error)
        raise UnexpectedError(
            f"The provider is disabled, and {PROPAGATION:.0f} s later a new environment is still let in"
        )

    def _rows_again(self) -> int:
        last = ""
        for attempt in _patiently():
            self.aws.renew(f"mended-{attempt}")
            try:
                return len(self._rows("$LATEST"))
            except RefusedError as error:
                if LINK not in str(error):
                    raise
                last = str(error)
        raise UnexpectedError(f"The provider is enabled again, and {PROPAGATION:.0f} s later: {last}")

    def _destroy(self, seen: list[str]) -> None:
        deadline = time.monotonic() + ROLLBACK
        while (status := self.aws.stack_status()) and status.endswith("_IN_PROGRESS") and "REVIEW" not in status:
            if time.monotonic() > deadline:
                raise UnexpectedError(f"The stack is {status} after {ROLLBACK:.0f} s")
            time.sleep(PAUSE / 5)
        if status is None:
            seen.append("there is none")
        elif self.commands.can_destroy():
            self.commands.destroy()
        else:
            self.aws.delete_stack()

    def _require_nothing(self, seen: list[str]) -> None:
        if left := [*self.aws.left(), *self.google.left()]:
            raise UnexpectedError(f"Still there: {'; '.join(left)}")
        seen.append("nothing")


def explain(error: Exception) -> str:
    """What failed, and what to do about it where that is known."""
    known = isinstance(error, FederationError | GoogleAuthError)
    return administrator.explain(error) if known else str(error)


def _patiently() -> Iterator[int]:
    """Yield the numbers of attempts, with pauses, for as long as a change may take to be known."""
    return attempts([0.0, *repeat(PAUSE, int(PROPAGATION / PAUSE))])
