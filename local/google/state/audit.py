"""The audit log: who called what, on which resource, with what outcome. No token or signature can get in here."""

import sys
from dataclasses import asdict, dataclass
from typing import Any

ADMIN_READ, ADMIN_WRITE, DATA_READ, DATA_WRITE = "ADMIN_READ", "ADMIN_WRITE", "DATA_READ", "DATA_WRITE"


@dataclass(slots=True, kw_only=True)
class Entry:
    """One call. `principal` is an email or a `principal://` subject, `delegation` who impersonates it.

    `log_type` is what kind of call Cloud Audit Logs take it for, and `logged` whether they would hold it: Data Access
    (any type but ADMIN_WRITE) only where the project's audit config has switched it on.
    """

    time: str
    service: str
    method: str
    principal: str | None = None
    delegation: str | None = None
    resource: str = ""
    status: int = 0
    duration_ms: float = 0.0
    aws_arn: str | None = None
    reason: str | None = None
    log_type: str = ADMIN_WRITE
    logged: bool = False


class Audit:
    """Every call since the server started, in order."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def record(self, entry: Entry) -> None:
        """Append one call, and print it as a line for people."""
        self._entries.append(entry)
        # Nothing that a caller chose may forge a line of its own, or steer a terminal.
        line = "".join(character if character.isprintable() else " " for character in _line(entry))
        print(line, file=sys.stderr, flush=True)

    def since(self, index: int, *, logged: bool = False) -> dict[str, Any]:
        """The entries from `index` on, or of those the logged ones, and the index to ask for next."""
        entries = [asdict(entry) for entry in self._entries[index:] if entry.logged or not logged]
        return {"entries": entries, "next": len(self._entries)}


def _line(entry: Entry) -> str:
    *_, noun, verb = f".{entry.method}".split(".")
    method = f"{noun}.{verb}" if verb.islower() else verb
    who = entry.principal or "anonymous"
    via = f" via {entry.delegation}" if entry.delegation else ""
    arn = f" aws={entry.aws_arn}" if entry.aws_arn else ""
    why = f" -- {entry.reason}" if entry.reason else ""
    where = f" {entry.resource}" if entry.resource else ""
    return f"{entry.status} {entry.service} {method}{where} by {who}{via}{arn} {entry.duration_ms:.1f} ms{why}"
