"""What a provider says to each caller, and what is wrong with it: the result of `keyless conditions`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from keyless_cli.conditions.sources import Provider, caller
from keyless_federation.conditions.boundary import aws_claims
from keyless_federation.conditions.explain import false_clauses
from keyless_federation.conditions.search import Finding, Outcome, looks_at_userid, search
from keyless_federation.conditions.trust import (
    ConditionFalseError,
    ConditionWithoutValueError,
    RejectedError,
    SubjectTooLongError,
    Trust,
)
from keyless_federation.model.condition import ConditionError
from keyless_federation.model.rules import MAX_SUBJECT_BYTES

LONGEST_SESSION = 64
INVENTED = (
    "the condition uses assertion.userid, of which an ARN does not contain the unique ID; AROAEXAMPLE and AIDAEXAMPLE "
    "were used as placeholders"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One caller: whether it is let in, as what (attributes), or why not; `wanted` is what was expected of it.

    session_bytes: for a role, how long its sessions' names may be; None if as long as AWS allows.
    """

    arn: str
    admitted: bool
    attributes: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    wanted: bool | None = None
    session_bytes: int | None = None

    @property
    def surprises(self) -> bool:
        """Whether it is not as was expected."""
        return self.wanted is not None and self.wanted is not self.admitted

    def __str__(self) -> str:
        expected = f"  <- expected to be {'let in' if self.wanted else 'refused'}" if self.surprises else ""
        known = ", ".join(f"{name}={value}" for name, value in self.attributes.items())
        told = [f"as {known}"] if self.admitted else list(self.reasons)
        told += [f"its sessions' names may have {self.session_bytes} bytes"] if self.session_bytes else []
        head = f"{'admitted' if self.admitted else 'refused '}  {self.arn}{expected}"
        return "\n".join([head, *(f"            {line}" for line in told)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A provider with the verdicts on its callers, what was found, and the error where it does not compile.

    outcome: what the search says of the provider; empty where it does not compile. scope: what the search tried.
    notes: what the verdicts cannot know.
    """

    provider: Provider
    verdicts: tuple[Verdict, ...] = ()
    findings: tuple[Finding, ...] = ()
    outcome: Outcome | Literal[""] = ""
    scope: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def sound(self) -> bool:
        """Whether it compiles, is not too wide, and says what was expected."""
        return not (self.error or self.findings or any(verdict.surprises for verdict in self.verdicts))

    def document(self) -> dict[str, Any]:
        """For machines."""
        found = [{"remedy": finding.remedy, "proofs": dict(finding.proofs)} for finding in self.findings]
        return {**asdict(self), "findings": found, "sound": self.sound}


def judge(provider: Provider, callers: Mapping[str, bool | None], roles: Iterable[str] = ()) -> Judgement:
    """Try `callers` (ARN -> whether it is expected to be let in), and search for others who are let in, too.

    `roles` are meant to be let in; without them those that the app attached, or that the condition names.
    """
    try:
        trust = Trust.compile(provider.mapping, provider.condition)
    except ConditionError as error:
        return Judgement(provider=provider, error=str(error))
    verdicts = tuple(_verdict(trust, provider, arn, wanted) for arn, wanted in callers.items())
    found = search(
        trust,
        provider.account,
        {role.rpartition("/")[2] for role in roles} or provider.roles,
        meant=[verdict.arn for verdict in verdicts if verdict.wanted],
        callers=[verdict.arn for verdict in verdicts if verdict.admitted],
    )
    return Judgement(
        provider=provider,
        verdicts=verdicts,
        findings=found.findings,
        outcome=found.outcome,
        scope=found.scope,
        notes=(INVENTED,) if looks_at_userid(trust) else (),
    )


def _verdict(trust: Trust, provider: Provider, given: str, wanted: bool | None) -> Verdict:
    arn = caller(given)
    claims = aws_claims(arn)
    if claims["account"] != provider.account:
        told = f"the provider trusts the account {provider.account} and this is of {claims['account']}"
        return Verdict(arn=arn, admitted=False, reasons=(told,), wanted=wanted)
    try:
        identity = trust.admit(claims)
    except (ConditionFalseError, ConditionWithoutValueError):
        reasons = tuple(map(str, false_clauses(provider.condition, trust.variables(claims))))
        return Verdict(arn=arn, admitted=False, reasons=reasons, wanted=wanted)
    except RejectedError as rejection:
        told = f"{rejection}: at most {MAX_SUBJECT_BYTES}" if "bytes" in str(rejection) else str(rejection)
        return Verdict(arn=arn, admitted=False, reasons=(told,), wanted=wanted)
    room = _room(trust, arn) if arn != given.strip() else None
    return Verdict(arn=arn, admitted=True, attributes=identity.attributes, wanted=wanted, session_bytes=room)


def _room(trust: Trust, arn: str) -> int | None:
    """How many bytes a session's name may have, where that is fewer than AWS's 64."""
    role = arn.rpartition("/")[0]
    for count in range(LONGEST_SESSION, 0, -1):
        try:
            trust.admit(aws_claims(f"{role}/{'s' * count}"))
        except SubjectTooLongError:
            continue
        except RejectedError:
            return None
        return count if count < LONGEST_SESSION else None
    return None
