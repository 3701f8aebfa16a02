"""Looks for callers that a condition should not let in; each finding comes with the ARNs that prove it."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.explain import references
from keyless_federation.conditions.lookalikes import ANCHOR, WHOLE, Lookalike, lookalikes
from keyless_federation.conditions.names_in_condition import NamesInCondition
from keyless_federation.conditions.trust import ConditionWithoutValueError, EvaluationFailedError, RejectedError, Trust
from keyless_federation.model.rules import AWS_ROLE, session_arn, sessions_of

# What Google makes of GetCallerIdentity. https://cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
CLAIMS = ("arn", "account", "userid")
USERID = "assertion.userid"
STRANGER = "zq-nobody-knows-this-role"
STRANGERS = ("zq", "a0", "Zq", "0", "z" * 40)
# What GetCallerIdentity can answer: the names of roles, sessions and federated users have no slash, paths of users do.
ARNS = re.compile(
    rf"arn:aws[a-z-]*:(sts::\d{{12}}:(assumed-role/{AWS_ROLE.pattern}|federated-user)/{AWS_ROLE.pattern}"
    rf"|iam::\d{{12}}:(root|user/([!-.0-~]+/)*{AWS_ROLE.pattern}))",
    re.ASCII,
)


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
    return session_arn(account, role, session)


def named_roles(trust: Trust, condition: str, account: str) -> set[str]:
    """The roles that a condition lets in under a name that it spells out."""
    spelling = NamesInCondition.of(condition, account)
    return {name for name in spelling.parts if _let_in(trust, assumed(account, name), spelling.sessions)}


def looks_at_userid(trust: Trust, condition: str) -> bool:
    """Whether it depends on what no ARN tells."""
    sources = [condition, *(program.source for program in trust.mapping.values())]
    return any(USERID in references(source) for source in sources)


def admitted(trust: Trust, arn: str) -> bool:
    """Whether the provider lets this ARN in."""
    try:
        trust.admit(aws_claims(arn))
    except RejectedError:
        return False
    return True


def findings(
    trust: Trust, condition: str, account: str, roles: Iterable[str], *, some_get_in: bool = False
) -> list[Finding]:
    """Everyone but `roles` of `account` who gets in; and what keeps out everyone, unless `some_get_in` for sure.

    A role may be a pattern with `*`: `prod-*` says that every such role is meant.
    """
    meant, spelling = sorted(set(roles)), NamesInCondition.of(condition, account)
    unmapped = _unmapped(trust, condition, assumed(account, _sample(min(meant, default="ROLE"))))
    stranger = assumed(account, STRANGER)
    if "*" not in meant and admitted(trust, stranger):
        return [*unmapped, Finding(WHOLE, {"it lets in every role of the account, whatever its name": stranger})]
    holes: dict[str, dict[str, str]] = {}
    for found in _candidates(account, meant, spelling):
        if _is_meant(found.arn, account, meant) or not ARNS.fullmatch(found.arn):
            continue
        if proof := _let_in(trust, found.arn, spelling.sessions):
            holes.setdefault(found.remedy, {}).setdefault(f"it lets in {found.whose}", proof)
    kept_out = {
        f"it keeps out {role}, which is meant": assumed(account, _sample(role))
        for role in meant
        if not _let_in(trust, assumed(account, _sample(role)), spelling.sessions)
    }
    if not meant and not holes and not some_get_in:
        kept_out = {"it lets in nobody of all that were tried, such as": stranger}
    if looks_at_userid(trust, condition):
        kept_out = {}
    missing = [Finding("name the roles that are meant in the condition", kept_out)] if kept_out and not unmapped else []
    return [*unmapped, *missing, *(Finding(remedy, proofs) for remedy, proofs in holes.items())]


def _let_in(trust: Trust, arn: str, sessions: Iterable[str]) -> str:
    """This ARN, or that of another session of the same role, whichever gets in; "" when none does."""
    role, slash, _ = arn.rpartition("/")
    others = [f"{role}/{session}" for session in sessions] if ":assumed-role/" in role and slash else []
    return next((tried for tried in (arn, *others) if admitted(trust, tried)), "")


def _candidates(account: str, meant: list[str], spelling: NamesInCondition) -> Iterator[Lookalike]:
    yield from lookalikes(account, map(_sample, meant))
    for name in STRANGERS:
        yield Lookalike(assumed(account, name), "a role that nothing names", WHOLE)
    for name, expression in spelling.matching.items():
        yield Lookalike(assumed(account, name), f"every role whose name matches {expression!r}", WHOLE)
    anchor = ANCHOR.format(account=account)
    for part in (*spelling.parts, *spelling.sessions):
        whose = f"every role whose caller may choose the session's name, {part!r} for example"
        yield Lookalike(assumed(account, STRANGER, part), whose, f"{WHOLE}: callers name their sessions")
    for part in spelling.parts:
        for name in (f"{part}x", f"{part}-{STRANGER}"):
            yield Lookalike(assumed(account, name), f"every role whose name begins with {part!r}", WHOLE)
        for name in (f"x{part}", f"x{part}x"):
            yield Lookalike(assumed(account, name), f"every role whose name contains {part!r}", WHOLE)
        yield Lookalike(f"arn:aws:iam::{account}:user/{part}/x", f"an IAM user in the path {part!r}", anchor)


def _is_meant(arn: str, account: str, meant: Iterable[str]) -> bool:
    role, slash, session = arn.removeprefix(sessions_of(account)).partition("/")
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
    except ConditionWithoutValueError:
        return "there the condition has no value, so that nobody gets in"
    except EvaluationFailedError as error:
        return f"there {error}"
    except RejectedError:
        return "a clause that looks at it is never true"
    return "a clause that looks at it decides nothing"
