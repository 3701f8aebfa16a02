"""Looks for callers that a condition should not let in; each finding comes with the ARNs that prove it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from keyless_federation.conditions.candidates import Kind, kind_of
from keyless_federation.conditions.explain import references
from keyless_federation.conditions.lookalikes import Lookalike
from keyless_federation.conditions.never_true import Told, explanations, unexplained
from keyless_federation.conditions.searcher import Searcher
from keyless_federation.conditions.trust import Trust
from keyless_federation.conditions.unmapped import unmapped

USERID = "assertion.userid"
Outcome = Literal["sound", "unsound", "never true"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What to write instead, and why: who gets in (or stays out) for want of it, each with the ARN that proves it."""

    remedy: str
    proofs: Mapping[str, str]

    def __str__(self) -> str:
        proofs = (f"    {problem}\n      {arn}" for problem, arn in self.proofs.items())
        return "\n".join([f"{self.remedy[0].upper()}{self.remedy[1:]}.", *proofs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The result: the findings, first those about callers who really get in, and how many ARNs were tried, by kind."""

    findings: tuple[Finding, ...]
    outcome: Outcome
    tried: Mapping[Kind, int]

    @property
    def scope(self) -> str:
        """Say what was tried."""
        kinds = ", ".join(f"{kind.words}: {count}" for kind, count in sorted(self.tried.items()))
        return f"{sum(self.tried.values())} ARNs that AWS can issue, made of what mapping and condition say ({kinds})"


def search(
    trust: Trust, account: str, roles: Iterable[str] = (), *, meant: Iterable[str] = (), callers: Iterable[str] = ()
) -> Search:
    """Look for everyone but `roles` of `account` who gets in; without roles, but those that the provider spells out.

    A role may be a pattern with `*`: `prod-*` says that every such role is meant. `meant` are ARNs that are meant as
    well, and `callers` are ARNs that are tried besides.
    """
    searcher = Searcher.of(trust, account)
    given, spelled, users = set(roles), searcher.named_roles(), searcher.named_users()
    named = given or spelled
    holes = sorted(searcher.holes({*named, *users, *meant}, callers), key=lambda hole: kind_of(hole[1], account))
    kept_out = {} if looks_at_userid(trust) else searcher.kept_out(given)
    inside = bool(holes or users or len(kept_out) < len(named)) or any(map(searcher.admits, [*meant, *callers]))
    never = not inside and not looks_at_userid(trust)
    reasons = [Finding(*told) for told in _reasons(searcher, named, kept_out, never)]
    real, shut_out = _by_remedy(holes, account)
    return Search(
        findings=(*real, *reasons, *shut_out),
        outcome="never true" if never else "unsound" if holes or reasons else "sound",
        tried=Counter(kind_of(arn, account) for arn in searcher.tried),
    )


def _reasons(searcher: Searcher, named: Iterable[str], kept_out: dict[str, str], never: bool) -> Iterator[Told]:
    """Why somebody who is meant does not get in, or, if it is `never` true, anybody."""
    trust, account, names = searcher.trust, searcher.account, searcher.vocabulary.parts
    example = searcher.session_of(min(named, default=next(iter(names), "ROLE")))
    found = [*unmapped(trust, example), *(explanations(trust, account, names) if never else ())]
    if found:
        yield from found
    elif kept_out:
        yield "name the roles that are meant in the condition", kept_out
    elif never:
        yield unexplained(trust, account, names)


def _by_remedy(holes: Iterable[tuple[Lookalike, str]], account: str) -> tuple[list[Finding], list[Finding]]:
    """The findings on callers who really get in, and those on callers whom the provider's own account keeps out."""
    proofs: dict[str, dict[str, str]] = {}
    real = set[str]()
    for hole, proof in holes:
        proofs.setdefault(hole.remedy, {}).setdefault(f"it lets in {hole.whose}", proof)
        real |= {hole.remedy} if kind_of(proof, account) < Kind.PARTITION else set()
    found = [Finding(remedy, problems) for remedy, problems in proofs.items()]
    return [each for each in found if each.remedy in real], [each for each in found if each.remedy not in real]


def looks_at_userid(trust: Trust) -> bool:
    """Whether it depends on what no ARN tells."""
    return any(USERID in references(source) for source in trust.sources)
