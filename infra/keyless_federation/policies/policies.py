"""The policies of targets: read once, changed as a set of bindings under their etag, written once."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from keyless_federation.errors import GoogleError, HiddenConditionError
from keyless_federation.google.client import Google, Request
from keyless_federation.model.bindings import Binding
from keyless_federation.model.fields import Json
from keyless_federation.model.kinds import Form
from keyless_federation.model.targets import Target
from keyless_federation.policies import datasets, iam_policies
from keyless_federation.policies.audit_logs import switched_on

MOST_CONFLICTS = 10
# https://cloud.google.com/iam/docs/troubleshooting-withcond: how a role is called whose condition is not shown.
HIDDEN_CONDITION = "_withcond_"
CONFLICTS = frozenset({409, 412})  # 412: BigQuery and Cloud Storage

logger = logging.getLogger(__name__)


class Dialect(Protocol):
    """How a policy is written down, and carried; a module is one."""

    def reading(self, on: Target) -> Request:
        """What asks for it."""

    def writing(self, on: Target, policy: Json, why: str) -> Request:
        """What puts it in place."""

    def bindings_of(self, policy: Json) -> set[Binding]:
        """Who has which role."""

    def change(self, policy: Json, add: Iterable[Binding], remove: Iterable[Binding]) -> Json | None:
        """The policy with bindings added and removed; None when nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePolicy:
    """Add and remove bindings of one resource, and switch on the Data Access logs of services, on a project.

    `sweep` holds what others gave to an account of ours that goes: it goes too, unless the deployer may not touch
    such roles. `known` is the policy as the plan saw it, None for a resource that had yet to be made.
    """

    on: Target
    add: tuple[Binding, ...] = ()
    remove: tuple[Binding, ...] = ()
    sweep: tuple[Binding, ...] = ()
    audit: tuple[str, ...] = ()
    known: Json | None = field(default=None, repr=False, compare=False)
    beside = "policies"

    def __str__(self) -> str:
        given = [f"grant {binding}" for binding in self.add]
        taken = [f"take away {binding}" for binding in (*self.remove, *self.sweep)]
        logged = [f"log Data Access to {service}" for service in self.audit]
        return f"on {self.on}: {'; '.join([*given, *taken, *logged])}"

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
                replace(self, add=(), audit=(), known=None)._write(google, [binding], final=frozenset({403}))
            except GoogleError as error:
                if error.status != 403:
                    raise
                logger.warning("left to whoever gave it: %s on %s", binding, self.on)

    def _write(self, google: Google, remove: Iterable[Binding], final: frozenset[int] = frozenset()) -> None:
        policy = self.known
        for attempt in range(MOST_CONFLICTS):
            policy = policy if policy is not None else self._read(google)
            changed = self._changed(policy, remove) if policy is not None else None
            if changed is None:
                return
            why = "; ".join(map(str, (*self.add, *self.remove, *self.audit)))
            try:
                google.send(_dialect(self.on).writing(self.on, changed, why), final=final | self._gone)
                return
            except GoogleError as error:
                if error.status in self._gone:
                    return
                if error.status not in CONFLICTS or attempt == MOST_CONFLICTS - 1:
                    raise
            policy = None

    @property
    def _gone(self) -> frozenset[int]:
        """What answers that there is nothing to take anything away from."""
        return frozenset() if self.add or self.audit else frozenset({404})

    def _read(self, google: Google) -> Json | None:
        return find_policy(google, self.on) if self._gone else read_policy(google, self.on)

    def _changed(self, policy: Json, remove: Iterable[Binding]) -> Json | None:
        changed = _dialect(self.on).change(policy, self.add, remove)
        changed = switched_on(changed or policy, self.audit) or changed
        if changed and any(HIDDEN_CONDITION in binding.role for binding in bindings_on(self.on, policy)):
            raise HiddenConditionError(str(self.on))
        return changed


class SwitchOnLogs(ChangePolicy):
    """Switch on Data Access logs: alone, after the grants."""

    beside = ""


def read_policy(google: Google, on: Target) -> Json:
    """What holds the policy of a resource, which is there, if not to be seen by everyone yet."""
    return google.send(_dialect(on).reading(on))


def find_policy(google: Google, on: Target) -> Json | None:
    """What holds the policy of a resource; None where there is no such resource."""
    return google.find(_dialect(on).reading(on))


def bindings_on(on: Target, policy: Json) -> set[Binding]:
    """Who has which role, in what `read_policy` gave."""
    return _dialect(on).bindings_of(policy)


def _dialect(on: Target) -> Dialect:
    return datasets if on.kind.form is Form.ACCESS else iam_policies
