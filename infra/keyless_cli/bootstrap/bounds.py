"""What bounds the deployer on a project's own policy: the condition that lists the roles which it may grant."""

import re
from collections.abc import Iterable

from keyless_federation.model.bindings import Binding
from keyless_federation.model.grants import Condition

# A hasOnly() takes ten roles. https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
MOST_GRANTABLE = 10
CONDITION_TITLE = "keyless-grantable-roles"
DEFAULT = "roles/bigquery.jobUser"
BOUND_TO_GROW = "who may not grant a role may not take it away either, so the list only grows"


def only(roles: Iterable[str]) -> Condition:
    """The condition under which these roles are granted and taken away, and no others; `ValueError` over ten."""
    names = sorted(set(roles))
    if len(names) > MOST_GRANTABLE:
        raise ValueError(
            f"Google bounds a grantor to {MOST_GRANTABLE} roles, and with the earlier ones there are {len(names)}: "
            f"{', '.join(names)}. Leave out a --grantable-role."
        )
    listed = ", ".join(f"'{role}'" for role in names)
    return Condition(
        title=CONDITION_TITLE,
        description="The only roles that the Keyless deployer may grant or take away on this project",
        expression=f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{listed}])",
    )


def grantable_of(bindings: Iterable[Binding]) -> frozenset[str]:
    """The roles that bounded bindings let their member grant."""
    return frozenset(
        role for binding in bindings if binding.condition for role in roles_in(binding.condition.expression)
    )


def roles_in(expression: str) -> list[str]:
    """The Google roles that a condition lists."""
    return re.findall(r"'((?:[a-z]+/[^/']+/)?roles/[^']+)'", expression)
