"""Who has which role, perhaps under a condition: the same wherever it is written down."""

import re
from dataclasses import dataclass

from keyless_federation.model.fields import Json
from keyless_federation.model.grants import Condition

FEDERATED = re.compile(
    r"principal(Set)?://(?P<pool>.+/workloadIdentityPools/[^/]+)/"
    r"(attribute\.aws_role/(?P<role>.+)|subject/arn:aws:sts::[0-9]+:assumed-role/(?P<of>[^/]+)/(?P<session>.+))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One member in one role, perhaps under a condition."""

    role: str
    member: str
    condition: Condition | None = None

    @property
    def aws_role(self) -> tuple[str, str] | None:
        """Pool and AWS role behind a federated member; None for members of other kinds."""
        found = FEDERATED.fullmatch(self.member)
        return (found["pool"], found["role"] or found["of"]) if found else None

    def __str__(self) -> str:
        found, who = FEDERATED.fullmatch(self.member), self.member
        if found:
            session = f" as {found['session']}" if found["session"] else ""
            who = f"the AWS role {found['role'] or found['of']}{session} (pool {found['pool'].rpartition('/')[2]})"
        return f"{self.role} for {who}" + (f" if {self.condition.expression}" if self.condition else "")


def condition_of(entry: Json) -> Condition | None:
    """The condition of an entry in a policy."""
    raw: Json = entry.get("condition") or {}
    if not raw:
        return None
    return Condition(
        title=raw.get("title", ""), expression=raw.get("expression", ""), description=raw.get("description", "")
    )


def with_condition(entry: Json, condition: Condition | None) -> Json:
    """The entry with this condition, as Google writes it down."""
    if condition is None:
        return entry
    described = {"description": condition.description} if condition.description else {}
    return {**entry, "condition": {"title": condition.title, "expression": condition.expression, **described}}
