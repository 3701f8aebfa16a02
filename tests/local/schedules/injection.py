"""Between the handler and the local Google: every call of one event passes here and meets its faults."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from tests.local.schedules import faults
from tests.local.schedules.faults import Fault, Trouble

if TYPE_CHECKING:
    from tests.local.schedules.world import World

Json = dict[str, Any]
MOST_CALLS = 1500  # in one event: far over what the longest of them takes
STATUSES = {"429": "RESOURCE_EXHAUSTED", "500": "INTERNAL", "503": "UNAVAILABLE", "400": "FAILED_PRECONDITION"}
PREFIX = re.compile(r"^/?\w+/(?:bigquery/|storage/|pubsub/)?v\d+/")


class Killed(BaseException):
    """The process is no more: nothing in it can catch this."""


@dataclass(slots=True)
class Injection:
    """The faults of one event, and what became of its calls."""

    world: "World"
    trouble: Trouble
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    _met: set[Fault] = field(default_factory=set)
    _seen: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, query: Any, body: Json | None, headers: Any) -> tuple[int, bytes]:
        """Status and body, or as an exception what became of the call."""
        with self._lock:
            if self.dead:
                raise Killed
            groups, index = faults.groups(kind_of(method, path)), len(self.calls)
            places = {group: self._seen[group] for group in groups}
            self._seen.update(groups)
            self.world.clock.sleep(0.02)
            met = next((fault for fault in self.trouble.faults if fault.meets(places)), None)
            self.calls.append(f"{method} {path}" + (f"  <- {met.what}" if met else ""))
            if index >= MOST_CALLS:
                self.world.problems.append(f"stuck: {MOST_CALLS} calls in one event, the last {method} {path}")
                self.dead = True
                raise Killed
            return self._meet(met, method, path, query, body, headers)

    def _meet(
        self, met: Fault | None, method: str, path: str, query: Any, body: Json | None, headers: Any
    ) -> tuple[int, bytes]:
        def done() -> tuple[int, bytes]:
            return self.world.serve(method, path, query, body, headers, self.trouble.propagation)

        if met is None:
            return done()
        status = met.what[:3]
        if met.what in faults.OPERATIONS:
            return self._operation(met, done)
        self._count(met)
        form, _, made = met.what.partition(", ")
        if form in faults.GARBAGE:
            if made == faults.DONE:
                done()
            return 200, faults.GARBAGE[form]
        if status in STATUSES:
            return failure(int(status), STATUSES[status])
        if met.what == "timeout":
            self.world.clock.sleep(30)
            raise requests.ReadTimeout
        if met.what in ("no connection", faults.UNREACHABLE):
            raise requests.ConnectionError
        if met.what == faults.MEDDLE:
            self.world.meddle()
            return done()
        self.dead = met.what in (faults.KILL, faults.KILL_AFTER)
        if met.what != faults.KILL:
            done()
        raise Killed if self.dead else requests.ConnectionError

    @property
    def unreachable(self) -> bool:
        """Whether nobody answered in the end."""
        return bool(self.calls) and self.calls[-1].endswith(faults.UNREACHABLE)

    def _count(self, met: Fault) -> None:
        """A fault that lasts is one, however often it is met."""
        if met not in self._met:
            self._met.add(met)
            self.world.tally[met.what] += 1

    def _operation(self, met: Fault, done: Any) -> tuple[int, bytes]:
        if met.what == "operation fails undone":
            name = f"operations/undone-{len(self.world.operations)}"
        else:
            status, content = done()
            name = json.loads(content).get("name", "") if status == 200 else ""
            if "operations/" not in name:
                return status, content
        self._count(met)
        self.world.operations[name.rpartition("/")[2]] = met.what
        return 200, json.dumps({"name": name}).encode()


class Wire(requests.Session):
    """A session whose requests go through the injection instead of a socket."""

    def __init__(self, injection: Injection) -> None:
        super().__init__()
        self._injection = injection

    def request(  # type: ignore[override]
        self, method: str, url: str, *, params: Any, json: Json | None, headers: Any, timeout: Any
    ) -> requests.Response:
        """The answer as requests would give it."""
        path = "/" + url.split("/", 3)[3]
        response = requests.Response()
        response.status_code, response._content = self._injection.answer(method, path, params, json, headers)
        response.headers["Content-Type"] = "text/html" if response._content[:1] == b"<" else "application/json"
        return response


def kind_of(method: str, path: str) -> str:
    """What a call is about, whatever the names in it."""
    bare, _, verb = PREFIX.sub("", path).partition(":")
    parts = bare.split("/")
    about = parts[-1] if len(parts) % 2 else f"{parts[-2]}/*"
    if len(parts) % 2 and len(parts) > 1 and parts[-3:-1] == ["locations", "global"]:
        about = parts[-1]
    return f"{method} {about}" + (f":{verb}" if verb else "")


def failure(status: int, reason: str, words: str = "Injected.") -> tuple[int, bytes]:
    """An error as Google words it."""
    return status, json.dumps({"error": {"code": status, "status": reason, "message": words}}).encode()
