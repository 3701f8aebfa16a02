"""IAM allow policies: bindings with etags, and the time that a change takes until checks see it."""

import base64
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from local.google.errors import GoogleError


@dataclass(frozen=True, slots=True)
class Condition:
    """When a binding holds: a CEL expression with a title."""

    title: str
    expression: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Binding:
    """A role, its members, and perhaps a condition."""

    role: str
    members: frozenset[str]
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The bindings of one resource under one etag, and a project's audit configs."""

    bindings: tuple[Binding, ...] = ()
    etag: str = "ACAB"  # Google's etag of a policy that was never set
    audit: tuple[dict[str, Any], ...] = ()


@dataclass(slots=True)
class _History:
    current: Policy = field(default_factory=Policy)
    versions: list[tuple[float, tuple[Binding, ...]]] = field(default_factory=list)


class Policies:
    """Every resource's policy. A change reaches `visible` only `delay` seconds after it was made."""

    def __init__(self, delay: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._delay, self._clock = delay, clock
        self._histories: dict[str, _History] = {}

    def get(self, resource: str) -> Policy:
        """The policy as it was last set."""
        history = self._histories.get(resource)
        return history.current if history else Policy()

    def visible(self, resource: str) -> tuple[Binding, ...]:
        """The bindings that permission checks see now."""
        history = self._histories.get(resource)
        if history is None:
            return ()
        now = self._clock()
        seen: tuple[Binding, ...] = ()
        for since, bindings in history.versions:
            if since <= now:
                seen = bindings
        return seen

    def set(
        self,
        resource: str,
        bindings: Iterable[Binding],
        etag: str | None = None,
        audit: tuple[dict[str, Any], ...] | None = None,
    ) -> Policy:
        """Replace the bindings, and audit configs if given; with an etag only if it is still the policy's, else 409."""
        history = self._histories.setdefault(resource, _History())
        if etag and not same_etag(etag, history.current.etag):
            raise GoogleError(
                409,
                "ABORTED",
                "There were concurrent policy changes. Please retry the whole read-modify-write with exponential "
                f"backoff. The request's ETag '{etag}' did not match the current policy's ETag "
                f"'{history.current.etag}'.",
            )
        kept = history.current.audit if audit is None else audit
        history.current = Policy(merged(bindings), new_etag(), kept)
        now = self._clock()
        history.versions = [*_still_needed(history.versions, now), (now + self._delay, history.current.bindings)]
        return history.current

    def begin(self, resource: str, bindings: Iterable[Binding]) -> None:
        """Give a new resource its first policy, which checks see at once."""
        policy = Policy(merged(bindings), new_etag())
        self._histories[resource] = _History(policy, [(self._clock(), policy.bindings)])

    def drop(self, resource: str) -> Policy:
        """Forget a resource that is gone; its last policy."""
        history = self._histories.pop(resource, None)
        return history.current if history else Policy()

    def drop_below(self, resource: str) -> None:
        """Forget everything that lay in a resource that is gone."""
        self._histories = {name: kept for name, kept in self._histories.items() if not name.startswith(f"{resource}/")}

    def rename_member(self, old: str, new: str) -> None:
        """Let every binding that names `old` name `new`, at once: what happens to a deleted account's bindings."""
        for history in self._histories.values():
            if any(old in binding.members for binding in history.current.bindings):
                bindings = _renamed(history.current.bindings, old, new)
                history.current = replace(history.current, bindings=bindings, etag=new_etag())
            history.versions = [(since, _renamed(then, old, new)) for since, then in history.versions]


def merged(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """One binding for each role and condition, sorted; empty ones left out."""
    members: dict[tuple[str, Condition | None], frozenset[str]] = {}
    for binding in bindings:
        key = (binding.role, binding.condition)
        members[key] = members.get(key, frozenset()) | binding.members
    kept = [Binding(role, who, condition) for (role, condition), who in members.items() if who]
    return tuple(sorted(kept, key=lambda b: (b.role, b.condition.title if b.condition else "")))


def new_etag() -> str:
    """An etag that reads the same in both base64 alphabets, for gcloud re-encodes them."""
    while True:
        etag = base64.b64encode(b"\x07\x06" + secrets.token_bytes(6)).decode()
        if not set(etag) & set("+/"):
            return etag


def same_etag(left: str, right: str) -> bool:
    """Whether two etags stand for the same bytes, in whichever base64 alphabet and padding."""
    return left.rstrip("=") == right.rstrip("=")


def _still_needed(
    versions: list[tuple[float, tuple[Binding, ...]]], now: float
) -> list[tuple[float, tuple[Binding, ...]]]:
    past = [version for version in versions if version[0] <= now]
    return past[-1:] + [version for version in versions if version[0] > now]


def _renamed(bindings: tuple[Binding, ...], old: str, new: str) -> tuple[Binding, ...]:
    return tuple(
        replace(binding, members=binding.members - {old} | {new}) if old in binding.members else binding
        for binding in bindings
    )
