"""IAM policies: read once, changed as a set of bindings under their etag, written once; everyone else's are kept."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from aws_lambda_powertools import Logger

from .errors import GoogleError
from .google import Google, Json, Request
from .resources import Condition, Project

VERSION = 3  # the one that shows and keeps conditions
MOST_CONFLICTS = 10
FEDERATED = re.compile(r"principalSet://.+/workloadIdentityPools/(?P<pool>[^/]+)/attribute\.aws_role/(?P<role>.+)")

logger = Logger()


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """The policy on a service account: who may become it."""

    project: str
    email: str

    def __str__(self) -> str:
        return f"the service account {self.email}"


Target = Project | AccountPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One member in one role, perhaps under a condition."""

    role: str
    member: str
    condition: Condition | None = None

    def __str__(self) -> str:
        federated = FEDERATED.fullmatch(self.member)
        who = f"the AWS role {federated['role']} (pool {federated['pool']})" if federated else self.member
        return f"{self.role} for {who}" + (f" if {self.condition.expression}" if self.condition else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicy:
    """Add and remove bindings of one resource.

    `sweep` holds what is ours but was not given by us: it goes too, unless the deployer may not touch such
    roles. `known` is the policy as the plan saw it, None for a resource that had yet to be made.
    """

    on: Target
    add: tuple[Binding, ...] = ()
    remove: tuple[Binding, ...] = ()
    sweep: tuple[Binding, ...] = ()
    known: Json | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        given = [f"grant {binding}" for binding in self.add]
        taken = [f"take away {binding}" for binding in (*self.remove, *self.sweep)]
        return f"on {self.on}: {'; '.join([*given, *taken])}"

    def apply(self, google: Google) -> None:
        """Read unless known, change, write; read again when someone else was quicker."""
        try:
            self._write(google, (*self.remove, *self.sweep), final=frozenset({403} if self.sweep else ()))
        except GoogleError as error:
            if error.status != 403 or not self.sweep:
                raise
            self._write(google, self.remove)
            self._sweep(google)

    def _sweep(self, google: Google) -> None:
        """Take away one by one what may be taken away: a deployer is bounded by role."""
        for binding in self.sweep:
            try:
                replace(self, add=(), known=None)._write(google, [binding], final=frozenset({403}))
            except GoogleError as error:
                if error.status != 403:
                    raise
                logger.warning(f"left to whoever gave it: {binding} on {self.on}")

    def _write(self, google: Google, remove: Iterable[Binding], final: frozenset[int] = frozenset()) -> None:
        policy = self.known
        for attempt in range(MOST_CONFLICTS):
            policy = policy if policy is not None else read_policy(google, self.on)
            changed = change(policy, self.add, remove)
            if changed is None:
                return
            try:
                google.send(_set_request(self, changed), final=final)
                return
            except GoogleError as error:
                if error.status != 409 or attempt == MOST_CONFLICTS - 1:
                    raise
            policy = None


def read_policy(google: Google, on: Target) -> Json:
    """The policy on a resource, with its conditions."""
    account = isinstance(on, AccountPolicy)
    return google.send(
        Request(
            what=f"read the IAM policy of {on}",
            method="POST",
            service=_service(on),
            path=f"{_path(on)}:getIamPolicy",
            query={"options.requestedPolicyVersion": VERSION} if account else {},
            body=None if account else {"options": {"requestedPolicyVersion": VERSION}},
            needs=("iam.serviceAccounts.getIamPolicy" if account else "resourcemanager.projects.getIamPolicy",),
        )
    )


def bindings_of(policy: Json) -> set[Binding]:
    """All bindings of a policy, one for each member."""
    return {
        Binding(role=entry["role"], member=member, condition=_condition(entry))
        for entry in policy.get("bindings", [])
        for member in entry.get("members", [])
    }


def change(policy: Json, add: Iterable[Binding], remove: Iterable[Binding]) -> Json | None:
    """The policy with these bindings added and removed, all else as it was; None when nothing changes."""
    present, gone = bindings_of(policy), set(remove) - set(add)
    missing = [binding for binding in add if binding not in present]
    if not missing and not gone & present:
        return None
    entries = [
        {**entry, "members": [member for member in entry.get("members", []) if _of(entry, member) not in gone]}
        for entry in policy.get("bindings", [])
    ]
    for binding in missing:
        _entry(entries, binding)["members"].append(binding.member)
    return {**policy, "version": VERSION, "bindings": [entry for entry in entries if entry["members"]]}


def _set_request(step: ChangePolicy, policy: Json) -> Request:
    account = isinstance(step.on, AccountPolicy)
    return Request(
        what=f"change the IAM policy of {step.on} ({'; '.join(map(str, (*step.add, *step.remove)))})",
        method="POST",
        service=_service(step.on),
        path=f"{_path(step.on)}:setIamPolicy",
        body={"policy": policy},
        needs=("iam.serviceAccounts.setIamPolicy" if account else "resourcemanager.projects.setIamPolicy",),
    )


def _service(on: Target) -> str:
    return "iam" if isinstance(on, AccountPolicy) else "cloudresourcemanager"


def _path(on: Target) -> str:
    return f"v1/projects/{on.project}/serviceAccounts/{on.email}" if isinstance(on, AccountPolicy) else f"v1/{_id(on)}"


def _id(on: Project) -> str:
    return f"projects/{on.id}"


def _of(entry: Json, member: str) -> Binding:
    return Binding(role=entry["role"], member=member, condition=_condition(entry))


def _condition(entry: Json) -> Condition | None:
    raw: dict[str, Any] = entry.get("condition") or {}
    if not raw:
        return None
    return Condition(title=raw.get("title", ""), expression=raw["expression"], description=raw.get("description", ""))


def _entry(entries: list[Json], binding: Binding) -> Json:
    """The entry that `binding` belongs into, made when there is none."""
    for entry in entries:
        if entry["role"] == binding.role and _condition(entry) == binding.condition:
            return entry
    entry = {"role": binding.role, "members": []}
    if binding.condition:
        shown = {"title": binding.condition.title, "expression": binding.condition.expression}
        described = {"description": binding.condition.description} if binding.condition.description else {}
        entry["condition"] = {**shown, **described}
    entries.append(entry)
    return entry
