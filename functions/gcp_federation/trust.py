"""The attribute condition: which roles it names, and a union of two for the time of a rollout."""

import re

from .errors import InvalidProperties
from .resources import MAX_CONDITION

ROLES = re.compile(r"^(?P<rest>.*) && attribute\.aws_role in \[(?P<roles>('[^'\\]*'(, )?)*)\]$", re.DOTALL)
NAMED = re.compile(r"attribute\.aws_role in \[([^\]]*)\]")


def roles_of(condition: str) -> frozenset[str]:
    """The AWS roles that a condition names."""
    return frozenset(role for roles in NAMED.findall(condition) for role in re.findall(r"'([^'\\]*)'", roles))


def union(live: str, wanted: str) -> str:
    """A condition that admits what either admits; raises `InvalidProperties` where Google would find it too long.

    Two conditions that differ in their roles alone become one with the roles of both.
    """
    if live in ("", wanted) or live.startswith(f"({wanted}) || ") or live.endswith(f" || ({wanted})"):
        return live or wanted
    ours, theirs = ROLES.match(wanted), ROLES.match(live)
    if ours and theirs and ours["rest"] == theirs["rest"]:
        names = ", ".join(f"'{role}'" for role in sorted(roles_of(live) | roles_of(wanted)))
        widened = f"{ours['rest']} && attribute.aws_role in [{names}]"
    else:
        widened = f"({live}) || ({wanted})"
    if len(widened) > MAX_CONDITION:
        raise InvalidProperties(
            [
                f"the condition that lets in the old roles and the new during the rollout has {len(widened)} "
                f"characters, over Google's {MAX_CONDITION}: rename fewer roles at once, in two deployments"
            ]
        )
    return widened
