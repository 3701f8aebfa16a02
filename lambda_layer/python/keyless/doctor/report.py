"""The report of an examination: as text for people, as JSON for machines, as an exit code for scripts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["ok", "warning", "broken", "skipped"]

EXIT_CODES: Mapping[str, int] = {
    "configuration": 10,
    "aws-credentials": 11,
    "clock": 12,
    "network": 13,
    "sts-exchange": 14,
    "impersonation": 15,
    "api": 16,
}
"""By broken link; 0 when none is (warnings do not count). 2 is wrong usage, 1 a fault of the doctor's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check of one link, and how long it took.

    link: as in `EXIT_CODES`, or `identity`, which only ever warns. check: what was looked at, e.g. `exchange` or
    `sts.googleapis.com: dns`. detail: what was seen, in a line; more: further lines, for those who ask for them.
    failure: the entry of docs/troubleshooting.md that it is, "" if none; cause, confirm, remedy: what that says, with
    this chain's own names in it. words, status: what the other end said.
    """

    link: str
    check: str
    verdict: Verdict
    detail: str = ""
    milliseconds: float = 0.0
    more: tuple[str, ...] = ()
    failure: str = ""
    cause: str = ""
    confirm: str = ""
    remedy: str = ""
    words: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The checks in the order in which a request passes the links; it ends with the first broken one."""

    checks: tuple[Check, ...]

    @property
    def broken(self) -> Check | None:
        """The check that failed, None when the chain is whole."""
        return next((check for check in self.checks if check.verdict == "broken"), None)

    @property
    def exit_code(self) -> int:
        """See `EXIT_CODES`."""
        return EXIT_CODES[self.broken.link] if self.broken else 0

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`: `{"verdict", "broken": LINK or null, "exit_code", "checks": [fields of Check]}`."""
        verdicts = {check.verdict for check in self.checks}
        verdict = next((worst for worst in ("broken", "warning") if worst in verdicts), "ok")
        link = self.broken.link if self.broken else None
        checks = [asdict(check) for check in self.checks]
        return {"verdict": verdict, "broken": link, "exit_code": self.exit_code, "checks": checks}

    def as_text(self, *, verbose: bool = False) -> str:
        """For people: a line for each check, then what is broken and what to do about it; `verbose`: all of it."""
        return "\n".join(line for check in self.checks for line in _lines(check, verbose)) + "\n" + self._summary()

    def _summary(self) -> str:
        broken = self.broken
        if broken is None:
            known = dict.fromkeys(check.failure for check in self.checks if check.verdict == "warning")
            told = f"No link is broken; to be known: {', '.join(known)} (docs/troubleshooting.md)."
            return f"\n{told if known else 'Every link holds.'}\n"
        return f"\nThe broken link is {broken.link}. docs/troubleshooting.md has more on {broken.failure}.\n"


def _lines(check: Check, verbose: bool) -> list[str]:
    verdict = check.verdict.upper() if check.verdict == "broken" else check.verdict
    seen = f"{check.check}: {check.detail}" if check.detail else check.check
    lines = [f"{verdict:8} {check.link:16}{check.milliseconds:8.1f} ms  {seen}"]
    lines += [f"{'':38}{line}" for line in check.more if verbose or check.verdict == "broken"]
    said = f"HTTP {check.status}: {check.words}" if check.status else check.words
    told = {"said": said, "cause": check.cause, "confirm": check.confirm, "remedy": check.remedy}
    return lines + [f"{'':9}{name:8} {text}" for name, text in told.items() if text]
