"""One schedule's world: a Google of its own with somebody else's things in it, virtual time, and what was seen."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.local.schedules.by_hand import ByHand
from tests.local.schedules.bystanders import Bystanders
from tests.local.schedules.clock import VirtualClock
from tests.local.schedules.cloud import LocalCloud
from tests.local.schedules.injection import failure
from tests.local.schedules.wishes import APIS

Json = dict[str, Any]
NEVER, UNDONE = "operation never ends", "operation fails undone"


@dataclass(slots=True)
class World:
    """`operations` are those that end badly, `fresh` what not every reader knows yet, with the time when all do.

    `tally` counts the faults that were met, `story` is what happened, for people; `problems` what must not be.
    """

    local: LocalCloud = field(default_factory=LocalCloud.start)
    clock: VirtualClock = field(default_factory=VirtualClock)
    tally: Counter[str] = field(default_factory=Counter)
    operations: dict[str, str] = field(default_factory=dict)
    fresh: dict[str, float] = field(default_factory=dict)
    story: list[str | list[str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    bystanders: Bystanders = field(init=False)
    hand: ByHand = field(default_factory=ByHand)

    def __post_init__(self) -> None:
        self.bystanders = Bystanders.settle_in(self.local)

    def serve(
        self, method: str, path: str, query: Any, body: Json | None, headers: Any, propagation: float
    ) -> tuple[int, bytes]:
        """What Google does, when the request reaches it."""
        if "/operations/" in path and (end := self.operations.get(path.rpartition("/")[2])):
            return self._bad_end(path, end)
        if "theirs" in path and method != "GET" and not path.endswith("IamPolicy"):
            self.problems.append(f"somebody else's thing was written to: {method} {path}")
        if unknown := self._unknown(method, path, body):
            self.tally["propagation"] += 1
            return unknown
        status, content = self.local.request(method, path, query, body, headers)
        if propagation and status == 200 and method == "POST":
            self.fresh |= dict.fromkeys(_made(path, query, json.loads(content)), self.clock.now + propagation)
        return status, content

    def enable(self, *projects: str) -> None:
        """Enable the APIs in a project; in others they are still to be enabled."""
        for name in projects:
            project = self.local.cloud.projects.find(name)
            assert project is not None
            project.enabled |= {f"{api}.googleapis.com" for api in APIS}

    def meddle(self) -> None:
        """Someone else changes every policy, right now."""
        self.bystanders.interfere(self.local)

    def look_around(self) -> None:
        """Nothing that is not ours was touched."""
        lost = [*self.bystanders.missing(self.local), *self.hand.missing(self.local)]
        self.problems += [f"not ours, and touched: {what}" for what in lost]

    def told(self) -> list[str]:
        """The story, a line for each event and each call."""
        return [line for part in self.story for line in ([part] if isinstance(part, str) else _indented(part))]

    def require(self, met: bool, what: str) -> None:
        """Note what does not hold."""
        if not met:
            self.problems.append(what)

    def _bad_end(self, path: str, end: str) -> tuple[int, bytes]:
        operation: Json = {"name": path.partition("/v1/")[2]}
        if end != NEVER:
            operation |= {"done": True, "error": {"code": 13, "status": "INTERNAL", "message": f"The {end}."}}
        return 200, json.dumps(operation).encode()

    def _unknown(self, method: str, path: str, body: Json | None) -> tuple[int, bytes] | None:
        """The refusal of a reader that has not heard of something yet."""
        unheard = [name for name, until in self.fresh.items() if self.clock.now < until]
        if not unheard or "/operations/" in path:
            return None
        if any(f"/{name}" in path for name in unheard):
            account = "/serviceAccounts/" in path and path.endswith("Policy")
            return failure(403, "PERMISSION_DENIED") if account else failure(404, "NOT_FOUND")
        said = json.dumps(body) if method != "GET" and (path.endswith(":setIamPolicy") or method == "PATCH") else ""
        if name := next((name for name in unheard if name in said), ""):
            return failure(400, "INVALID_ARGUMENT", f"{name} does not exist.")
        return None


def _indented(calls: list[str]) -> list[str]:
    return [f"      {call}" for call in calls]


def _made(path: str, query: Any, answer: Json) -> Iterable[str]:
    if path.endswith("/serviceAccounts"):
        yield answer["email"]
    elif path.endswith("/workloadIdentityPools"):
        yield f"workloadIdentityPools/{query['workloadIdentityPoolId']}"
