"""Tries callers on a provider: the candidates of its expressions, those that are given, and roles that are meant."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

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
from keyless_federation.conditions.lookalikes import ANCHOR, WHOLE, Lookalike
from keyless_federation.conditions.trust import Trust
from keyless_federation.conditions.vocabulary import Vocabulary
from keyless_federation.model.rules import session_arn

MOST_SESSIONS = 8
"""With more names of sessions than this, the first are tried."""


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
        named = {name for name in self.vocabulary.parts if self.let_in(self.session_of(name))}
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
        sessions = self.sessions[:MOST_SESSIONS] if ":assumed-role/" in role and slash else ()
        others = [f"{role}/{name}" for name in sessions]
        return next((tried for tried in (arn, *others) if self.admits(tried)), "")

    def holes(self, meant: Iterable[str], callers: Iterable[str]) -> Iterator[tuple[Lookalike, str]]:
        """Everyone but `meant` (roles, patterns of roles, ARNs) who gets in, with the ARN; `callers` are tried, too."""
        named = tuple(sorted(meant))
        roles = tuple(name for name in named if not name.startswith("arn:"))
        every = "*" not in roles and self.admits(self.session_of(STRANGER))
        if every:
            whose = "every role of the account, whatever its name"
            yield Lookalike(self.session_of(STRANGER), whose, WHOLE), self.session_of(STRANGER)
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

    def session_of(self, role: str) -> str:
        """Return the ARN of a session of a role, or of one that a pattern matches."""
        return session_arn(self.account, sample_name(role), SESSION)

    def kept_out(self, roles: Iterable[str]) -> dict[str, str]:
        """Roles that are meant and do not get in, each with its ARN."""
        return {
            f"it keeps out {role}, which is meant": self.session_of(role)
            for role in sorted(roles)
            if not self.let_in(self.session_of(role))
        }


def _is_meant(role: str, meant: Iterable[str]) -> bool:
    return bool(role) and any(fnmatchcase(role, pattern) for pattern in meant)
