"""Looks for callers that a condition should not let in; each finding comes with the ARNs that prove it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from keyless_federation.conditions.boundary import admitted
from keyless_federation.conditions.candidates import (
    ARNS,
    SESSION,
    STRANGER,
    Candidates,
    Kind,
    kind_of,
    role_of,
    sample_name,
    spelled_users,
)
from keyless_federation.conditions.explain import references
from keyless_federation.conditions.lookalikes import ANCHOR, WHOLE, Lookalike
from keyless_federation.conditions.never_true import explanations, unexplained
from keyless_federation.conditions.trust import Trust
from keyless_federation.conditions.unmapped import unmapped
from keyless_federation.conditions.vocabulary import Vocabulary
from keyless_federation.model.rules import session_arn

USERID = "assertion.userid"
MOST_SESSIONS = 8
"""With more names of sessions than this, the first are tried."""
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


@dataclass(slots=True, kw_only=True)
class Searcher:
    """Tries callers on a provider, and counts them."""

    trust: Trust
    account: str
    vocabulary: Vocabulary
    sessions: tuple[str, ...]
    tried: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, trust: Trust, account: str) -> "Searcher":
        """Return a searcher for a provider that trusts `account`."""
        sources = [program.source for program in trust.mapping.values()]
        vocabulary = Vocabulary.of(sources, trust.source, account)
        return cls(trust=trust, account=account, vocabulary=vocabulary, sessions=vocabulary.sessions)

    def named_roles(self) -> set[str]:
        """The roles that the provider lets in under a name that it spells out; other names may be of sessions."""
        named = {name for name in self.vocabulary.parts if self.let_in(self._assumed(name))}
        others = (name for name in self.vocabulary.parts if name not in named)
        self.sessions = tuple(dict.fromkeys([*self.sessions, *others]))
        return named

    def named_users(self) -> frozenset[str]:
        """The users that the provider lets in by an ARN that it spells out."""
        return frozenset(filter(self.admits, spelled_users(self.vocabulary.texts, self.account)))

    def admits(self, arn: str) -> bool:
        """Whether the provider lets this ARN in."""
        self.tried.add(arn)
        return admitted(self.trust, arn)

    def let_in(self, arn: str) -> str:
        """This ARN, or that of another session of the same role, whichever gets in; "" when none does."""
        role, slash, _ = arn.rpartition("/")
        others = (
            [f"{role}/{name}" for name in self.sessions[:MOST_SESSIONS]] if ":assumed-role/" in role and slash else []
        )
        return next((tried for tried in (arn, *others) if self.admits(tried)), "")

    def holes(self, meant: Iterable[str], callers: Iterable[str]) -> Iterator[tuple[Lookalike, str]]:
        """Everyone but `meant` (roles, patterns of roles, ARNs) who gets in, with the ARN; `callers` are tried, too."""
        named = tuple(sorted(meant))
        roles = tuple(name for name in named if not name.startswith("arn:"))
        every = "*" not in roles and self.admits(self._assumed(STRANGER))
        if every:
            whose = "every role of the account, whatever its name"
            yield Lookalike(self._assumed(STRANGER), whose, WHOLE), self._assumed(STRANGER)
        given = (self._given(arn) for arn in callers if ARNS.fullmatch(arn))
        proven = set[str]()
        for found in (*Candidates(account=self.account, meant=roles, vocabulary=self.vocabulary), *given):
            covered = every and kind_of(found.arn, self.account) is Kind.ROLE
            if covered or found.arn in (*named, *proven) or _is_meant(role_of(found.arn, self.account), roles):
                continue
            if proof := self.let_in(found.arn):
                proven.add(proof)
                yield found, proof

    def _given(self, arn: str) -> Lookalike:
        role = role_of(arn, self.account)
        whose = f"the role {role!r}, which is not meant" if role else "a caller that is no role's session"
        return Lookalike(arn, whose, WHOLE if role else ANCHOR.format(account=self.account))

    def _assumed(self, role: str) -> str:
        return session_arn(self.account, sample_name(role), SESSION)

    def kept_out(self, roles: Iterable[str]) -> dict[str, str]:
        """Roles that are meant and do not get in, each with its ARN."""
        return {
            f"it keeps out {role}, which is meant": self._assumed(role)
            for role in sorted(roles)
            if not self.let_in(self._assumed(role))
        }


def search(
    trust: Trust, account: str, roles: Iterable[str] = (), *, meant: Iterable[str] = (), callers: Iterable[str] = ()
) -> Search:
    """Look for everyone but `roles` of `account` who gets in; without roles, but those that the provider spells out.

    A role may be a pattern with `*`: `prod-*` says that every such role is meant. `meant` are ARNs that are meant as
    well, and `callers` are ARNs that are tried besides.
    """
    searcher = Searcher.of(trust, account)
    given = set(roles)
    spelled = searcher.named_roles()
    named = given or spelled
    users = searcher.named_users()
    holes = sorted(
        searcher.holes({*named, *users, *meant}, callers), key=lambda hole: kind_of(hole[1], account)
    )  # whoever really gets in comes first
    kept_out = {} if looks_at_userid(trust) else searcher.kept_out(given)
    inside = len(kept_out) < len(given) if given else bool(named)
    never = (
        not (inside or holes or users)
        and not any(map(searcher.admits, [*meant, *callers]))
        and not looks_at_userid(trust)
    )
    example = session_arn(
        account, sample_name(min(named, default=next(iter(searcher.vocabulary.parts), "ROLE"))), SESSION
    )
    told = [*unmapped(trust, example), *(explanations(trust, account, searcher.vocabulary.parts) if never else ())]
    if not told and kept_out:
        told = [("name the roles that are meant in the condition", kept_out)]
    elif not told and never:
        told = [unexplained(trust, account, searcher.vocabulary.parts)]
    reasons = [Finding(*each) for each in told]
    real, shut_out = _by_remedy(holes, account)
    return Search(
        findings=(*real, *reasons, *shut_out),
        outcome="never true" if never else "unsound" if holes or reasons else "sound",
        tried=Counter(kind_of(arn, account) for arn in searcher.tried),
    )


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


def _is_meant(role: str, meant: Iterable[str]) -> bool:
    return bool(role) and any(fnmatchcase(role, pattern) for pattern in meant)
