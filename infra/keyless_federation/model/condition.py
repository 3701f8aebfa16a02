"""The attribute condition as text: the one that Keyless writes, the roles that one names, and the union of two."""

import re
from collections.abc import Iterable

from keyless_federation.errors import FederationError, PropertiesError
from keyless_federation.model.rules import MAX_CONDITION, sessions_of

ROLES = re.compile(r"^(?P<rest>.*) && attribute\.aws_role in \[(?P<roles>('[^'\\]*'(, )?)*)\]$", re.DOTALL)
MAPPING: dict[str, str] = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')",
    "attribute.aws_account": "assertion.account",
}
NOBODY = "assertion.account == ''"
"""The condition of an adopted provider that was let go and admits nobody: Google may refuse one without a claim."""
NAMED = re.compile(r"attribute\.aws_role in \[([^\]]*)\]")


class ConditionError(FederationError, ValueError):
    """A mapping or condition that Google would refuse; the message says where and why."""


def attribute_condition(account: str, roles: Iterable[str]) -> str:
    """The condition that admits exactly these roles of this account, and no ARN that only looks like one."""
    names = sorted(set(roles))
    if not names:
        raise ConditionError("No role was given access: attach at least one function or role.")
    anchor = quoted(sessions_of(account))
    condition = _naming(f"assertion.account == {quoted(account)} && assertion.arn.startsWith({anchor})", names)
    if len(condition) > MAX_CONDITION:
        raise ConditionError(
            f"{len(names)} roles make an attribute condition of {len(condition)} characters, over Google's "
            f"{MAX_CONDITION}. Shorten the role names, or spread the functions over several stacks."
        )
    return condition


def quoted(text: str) -> str:
    """`text` as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


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
    return _naming(mine["rest"], left)


def union(live: str, wanted: str) -> str:
    """A condition that admits what either admits; raises `PropertiesError` where Google would find it too long.

    Two conditions that differ in their roles alone become one with the roles of both.
    """
    if live in ("", wanted) or live.startswith(f"({wanted}) || ") or live.endswith(f" || ({wanted})"):
        return live or wanted
    ours, theirs = ROLES.match(wanted), ROLES.match(live)
    if ours and theirs and ours["rest"] == theirs["rest"]:
        widened = _naming(ours["rest"], sorted(roles_of(live) | roles_of(wanted)))
    else:
        widened = f"({live}) || ({wanted})"
    if len(widened) > MAX_CONDITION:
        raise PropertiesError(
            [
                f"the condition that lets in the old roles and the new during the rollout has {len(widened)} "
                f"characters, over Google's {MAX_CONDITION}: rename fewer roles at once, in two deployments"
            ]
        )
    return widened


def _naming(rest: str, roles: Iterable[str]) -> str:
    """The condition that asks for one of these roles besides `rest`: `ROLES` matches it."""
    return f"{rest} && attribute.aws_role in [{', '.join(map(quoted, roles))}]"
