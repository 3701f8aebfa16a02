"""The other providers of a pool: whether one lets somebody in as a role, or a subject, of ours.

A principalSet names a pool and an attribute's value, and no provider: one loose provider opens the bindings of all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keyless_federation.conditions.boundary import admitted, aws_claims
from keyless_federation.conditions.candidates import SESSION, Candidates, Kind, kind_of, role_of
from keyless_federation.conditions.trust import DEFAULT_MAPPING, Trust
from keyless_federation.conditions.vocabulary import Vocabulary
from keyless_federation.model.condition import ConditionError, quoted
from keyless_federation.model.rules import session_arn

ROLE_KEY = "attribute.aws_role"
ADVICE = "Correct its mapping and condition, delete it, or choose a pool of your own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """To whom roles are granted in the pool: AWS roles of an account by name, and sessions by their ARNs."""

    account: str
    roles: frozenset[str]
    subjects: frozenset[str] = frozenset()


def openings(providers: Iterable[Mapping[str, Any]], bound: Bound) -> list[str]:
    """Return what is wrong with each of these providers of Google's, and for a hole the ARN that proves it."""
    if not bound.roles and not bound.subjects:
        return []
    return [f"{problem}. {ADVICE}." for provider in providers for problem in _problems(provider, bound)]


def _problems(provider: Mapping[str, Any], bound: Bound) -> Iterator[str]:
    name = f"The provider {str(provider.get('name', '')).rpartition('/')[2]} of the same pool"
    mapping = provider.get("attributeMapping") or {}
    if "aws" not in provider:
        if ROLE_KEY in mapping:
            yield f"{name} is not for AWS and fills {ROLE_KEY}, so that it may let in others as a role of ours"
        return
    account = str(provider["aws"].get("accountId", ""))
    try:
        trust = Trust.compile(mapping or DEFAULT_MAPPING, provider.get("attributeCondition") or "")
    except ConditionError as error:
        yield f"{name} cannot be evaluated: {error}"
        return
    proofs = ((arn, _taken(trust, arn, bound)) for arn in _callers(trust, account, bound))
    if proof := next(((arn, taken) for arn, taken in proofs if taken), None):
        yield f"{name} lets in {proof[0]} as {proof[1]}, to whom roles are granted"


def _callers(trust: Trust, account: str, bound: Bound) -> Iterator[str]:
    """Callers of the neighbour's account: our roles' names, imitations of them, and what its expressions spell out."""
    ours = [*sorted(bound.roles), *sorted(bound.subjects)]
    vocabulary = Vocabulary.of([*map(quoted, ours), *trust.sources], "", account)
    candidates = Candidates(account=account, meant=tuple(sorted(bound.roles)), vocabulary=vocabulary)
    roles = (session_arn(account, role, SESSION) for role in sorted(bound.roles))
    for arn in (*roles, *sorted(bound.subjects), *(found.arn for found in candidates)):
        if kind_of(arn, account) < Kind.PARTITION:
            yield arn


def _taken(trust: Trust, arn: str, bound: Bound) -> str:
    """As whom of ours a caller comes in without being it; "" where it does not."""
    if not admitted(trust, arn):
        return ""
    identity = trust.identify(aws_claims(arn))
    role = identity.attributes.get("aws_role", "")
    if role in bound.roles and role_of(arn, bound.account) != role:
        return f"{ROLE_KEY} {role!r}"
    if identity.subject in bound.subjects and identity.subject != arn:
        return f"google.subject {identity.subject!r}"
    return ""
