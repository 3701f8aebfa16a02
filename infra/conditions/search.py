"""Looks for callers that a condition should not let in; each finding comes with the ARNs that prove it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from infra.conditions.boundary import aws_claims
from infra.conditions.explain import literals, references
from infra.conditions.lookalikes import ANCHOR, WHOLE, Lookalike, lookalikes
from infra.trust import EvaluationFailed, Rejected, Trust

ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
# What Google makes of GetCallerIdentity. https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
CLAIMS = ("arn", "account", "userid")
STRANGER = "zq-nobody-knows-this-role"


@dataclass(frozen=True, slots=True)
class Finding:
    """What to write instead, and why: who gets in (or stays out) for want of it, each with the ARN that proves it."""

    remedy: str
    proofs: Mapping[str, str]

    def __str__(self) -> str:
        proofs = (f"    {problem}\n      {arn}" for problem, arn in self.proofs.items())
        return "\n".join([f"{self.remedy[0].upper()}{self.remedy[1:]}.", *proofs])


def assumed(account: str, role: str, session: str = "SESSION") -> str:
    """The ARN that GetCallerIdentity answers to a session of a role."""
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session}"


def named_roles(trust: Trust, condition: str, account: str) -> set[str]:
    """The roles that a condition lets in under a name that it spells out."""
    return {name for name in _spelt(condition, account) if admitted(trust, assumed(account, name))}


def admitted(trust: Trust, arn: str) -> bool:
    """Whether the provider lets this ARN in."""
    try:
        trust.admit(aws_claims(arn))
    except Rejected:
        return False
    return True


def findings(trust: Trust, condition: str, account: str, roles: Iterable[str]) -> list[Finding]:
    """Everyone but `roles` of `account` who gets in; and what keeps out everyone.

    A role may be a pattern with `*`: `prod-*` says that every such role is meant.
    """
    meant = sorted(set(roles))
    unmapped = _unmapped(trust, condition, assumed(account, _sample(min(meant, default="ROLE"))))
    stranger = assumed(account, STRANGER)
    if "*" not in meant and admitted(trust, stranger):
        return [*unmapped, Finding(WHOLE, {"it lets in every role of the account, whatever its name": stranger})]
    holes: dict[str, dict[str, str]] = {}
    for found in _candidates(account, meant, condition):
        if not _is_meant(found.arn, account, meant) and admitted(trust, found.arn):
            holes.setdefault(found.remedy, {}).setdefault(f"it lets in {found.whose}", found.arn)
    kept_out = {
        f"it keeps out {role}, which is meant": assumed(account, _sample(role))
        for role in meant
        if not admitted(trust, assumed(account, _sample(role)))
    }
    if not meant and not holes and not unmapped:
        kept_out = {"it lets in nobody of all that were tried, such as": stranger}
    missing = [Finding("name the roles that are meant in the condition", kept_out)] if kept_out and not unmapped else []
    return [*unmapped, *missing, *(Finding(remedy, proofs) for remedy, proofs in holes.items())]


def _candidates(account: str, meant: list[str], condition: str) -> Iterator[Lookalike]:
    yield from lookalikes(account, map(_sample, meant))
    anchor = ANCHOR.format(account=account)
    for part in _spelt(condition, account):
        for name in (f"{part}x", f"{part}-{STRANGER}"):
            yield Lookalike(assumed(account, name), f"every role whose name begins with {part!r}", WHOLE)
        for name in (f"x{part}", f"x{part}x"):
            yield Lookalike(assumed(account, name), f"every role whose name contains {part!r}", WHOLE)
        whose = f"every role whose caller may choose the session's name, {part!r} for example"
        yield Lookalike(assumed(account, STRANGER, part), whose, f"{WHOLE}: contains() looks at all of the ARN")
        yield Lookalike(f"arn:aws:iam::{account}:user/{part}/x", f"an IAM user in the path {part!r}", anchor)


def _spelt(condition: str, account: str) -> list[str]:
    """What a condition spells out that may be (a part of) a role's name."""
    parts = (text.rpartition("assumed-role/")[2].strip("/") for text in literals(condition))
    return [part for part in parts if ROLE_NAME.fullmatch(part) and part != account]


def _is_meant(arn: str, account: str, meant: Iterable[str]) -> bool:
    role, slash, session = arn.removeprefix(f"arn:aws:sts::{account}:assumed-role/").partition("/")
    own = not role.startswith("arn:") and slash and "/" not in session
    return bool(own) and any(fnmatchcase(role, pattern) for pattern in meant)


def _sample(role: str) -> str:
    """A role's name; for a pattern, one that matches."""
    return role.replace("*", "any")


def _unmapped(trust: Trust, condition: str, proof: str) -> list[Finding]:
    """What the condition looks at and no credential has."""
    found = []
    for name in references(condition):
        of, _, key = name.partition(".")
        if of == "attribute" and name not in trust.mapping:
            remedy = f"map {name}, or use what is mapped: {', '.join(sorted(trust.mapping))}"
        elif of == "assertion" and key not in CLAIMS:
            remedy = f"replace {name}: an AWS credential has {', '.join(f'assertion.{claim}' for claim in CLAIMS)}"
        else:
            continue
        found.append(Finding(remedy, {f"{name} is nowhere: {_consequence(trust, proof)}": proof}))
    return found


def _consequence(trust: Trust, arn: str) -> str:
    try:
        trust.admit(aws_claims(arn))
    except EvaluationFailed as error:
        return f"there {error}"
    except Rejected:
        return "a clause that looks at it is never true"
    return "a clause that looks at it decides nothing"
