"""The attribute condition: which roles it names, and a union of two for the time of a rollout."""

import re
from collections.abc import Iterable

from .errors import InvalidProperties
from .resources import MAX_CONDITION

ROLES = re.compile(r"^(?P<rest>.*) && attribute\.aws_role in \[(?P<roles>('[^'\\]*'(, )?)*)\]$", re.DOTALL)
NOBODY = "false"
NAMED = re.compile(r"attribute\.aws_role in \[([^\]]*)\]")


def roles_of(condition: str) -> frozenset[str]:
    """The AWS roles that a condition names."""
    return frozenset(role for roles in NAMED.findall(condition) for role in re.findall(r"'([^'\\]*)'", roles))


def without(live: str, ours: str) -> str:
    """What a union lets in besides `ours`: nobody, where it is no union."""
    other = live.removesuffix(f" || ({ours})")
    if other != live:
        return other.removeprefix("(").removesuffix(")")
    mine, both = ROLES.match(ours), ROLES.match(live)
    left = sorted(roles_of(live) - roles_of(ours)) if mine and both and mine["rest"] == both["rest"] else []
    if not mine or not left:
        return NOBODY
    return f"{mine['rest']} && attribute.aws_role in [{_listed(left)}]"


def union(live: str, wanted: str) -> str:
    """A condition that admits what either admits; raises `InvalidProperties` where Google would find it too long.

    Two conditions that differ in their roles alone become one with the roles of both.
    """
    if live in ("", wanted) or live.startswith(f"({wanted}) || ") or live.endswith(f" || ({wanted})"):
        return live or wanted
    ours, theirs = ROLES.match(wanted), ROLES.match(live)
    if ours and theirs and ours["rest"] == theirs["rest"]:
        names = sorted(roles_of(live) | roles_of(wanted))
        widened = f"{ours['rest']} && attribute.aws_role in [{_listed(names)}]"
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


def _listed(roles: Iterable[str]) -> str:
    return ", ".join(f"'{role}'" for role in roles)
