"""ARNs that resemble those of roles, each with the hole in a condition that it goes through."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keyless_federation.model.rules import session_arn

ANCHOR = "anchor the ARN: assertion.arn.startsWith('arn:aws:sts::{account}:assumed-role/')"
WHOLE = "compare the whole name of the role: attribute.aws_role in ['ROLE', ...]"


@dataclass(frozen=True, slots=True)
class Lookalike:
    """An ARN that must stay out: whose it is, and what a condition that lets it in should say."""

    arn: str
    whose: str
    remedy: str


def lookalikes(account: str, roles: Iterable[str]) -> list[Lookalike]:
    """Who must stay out where `roles` of `account` are let in; the order is fixed."""
    allowed = set(roles)
    anchor = ANCHOR.format(account=account)
    plain = [
        Lookalike(f"arn:aws:iam::{account}:root", "the account's root user", anchor),
        Lookalike(f"arn:aws:iam::{account}:user/plain", "an IAM user", anchor),
    ]
    return plain + [found for role in sorted(allowed) for found in _of_role(account, role, allowed)]


def unused(name: str, allowed: Iterable[str]) -> str:
    """`name`, lengthened until it is none of `allowed`."""
    while name in allowed:
        name += "x"
    return name


def other_account(account: str) -> str:
    """An account that is not this one."""
    return f"{(int(account) + 1) % 10**12:012}"


def _of_role(account: str, role: str, allowed: set[str]) -> Iterator[Lookalike]:
    anchor, other, assumed = ANCHOR.format(account=account), other_account(account), f"assumed-role/{role}/x"
    longer, stranger = unused(f"{role}x", allowed), unused("evil", allowed)
    yield Lookalike(session_arn(account, longer, "x"), "a role with a longer name", WHOLE)
    if role[:-1] and role[:-1] not in allowed:
        yield Lookalike(session_arn(account, role[:-1], "x"), "a role with a shorter name", WHOLE)
    theirs = f"compare the account: assertion.account == '{account}' (the provider's own account alone keeps it out)"
    yield Lookalike(f"arn:aws:sts::{other}:{assumed}", "another account's role of the same name", theirs)
    for partition in ("aws-cn", "aws-us-gov"):
        whose = f"a role of the same name in the partition {partition}"
        yield Lookalike(f"arn:{partition}:sts::{account}:{assumed}", whose, anchor)
    yield Lookalike(f"arn:aws:iam::{account}:user/{assumed}", "an IAM user whose path imitates a role", anchor)
    yield Lookalike(f"arn:aws:iam::{account}:role/{assumed}", "a role whose path imitates a session", anchor)
    federated = f"arn:aws:sts::{account}:federated-user/{assumed}"
    yield Lookalike(federated, "a federated user whose name imitates a role", anchor)
    nested = f"arn:aws:sts::{account}:assumed-role/{stranger}/{assumed}"
    yield Lookalike(nested, "another role whose session's name imitates this one", WHOLE)
