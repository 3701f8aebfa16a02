"""The callers that a search tries: what AWS can issue, made of what a provider's expressions spell out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from keyless_federation.conditions.lookalikes import ANCHOR, WHOLE, Lookalike, lookalikes
from keyless_federation.conditions.vocabulary import Vocabulary
from keyless_federation.model.rules import AWS_ROLE, session_arn, sessions_of

STRANGER = "zq-nobody-knows-this-role"
STRANGERS = ("zq", "a0", "Zq", "0", *("z" * length for length in range(1, 65)))
"""Names that nothing spells out, of every length."""
SESSION = "SESSION"
MOST_VARIED = 12
"""Of more names than this, no variants by a single character are made."""
# What GetCallerIdentity can answer: the names of roles, sessions and federated users have no slash, paths of users do.
ARNS = re.compile(
    rf"arn:aws[a-z-]*:(sts::\d{{12}}:(assumed-role/{AWS_ROLE.pattern}|federated-user)/{AWS_ROLE.pattern}"
    rf"|iam::\d{{12}}:(root|user/([!-.0-~]+/)*{AWS_ROLE.pattern}))",
    re.ASCII,
)


class Kind(IntEnum):
    """The kind of a caller; those that the provider's own account check keeps out come last."""

    ROLE = 0
    USER = 1
    FEDERATED_USER = 2
    ROOT = 3
    PARTITION = 4
    ACCOUNT = 5

    @property
    def words(self) -> str:
        """Name many of them."""
        return WORDS[self]


WORDS = {
    Kind.ROLE: "role sessions",
    Kind.USER: "IAM users",
    Kind.FEDERATED_USER: "federated users",
    Kind.ROOT: "root user",
    Kind.PARTITION: "callers of other partitions",
    Kind.ACCOUNT: "callers of other accounts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Whom to try on a provider of an AWS account: those who resemble `meant`, and those whom the vocabulary allows."""

    account: str
    meant: tuple[str, ...]
    vocabulary: Vocabulary

    def __iter__(self) -> Iterator[Lookalike]:
        """Each that AWS can issue, once, with what its admission shows."""
        seen = set[str]()
        for found in self._all():
            if found.arn not in seen and ARNS.fullmatch(found.arn):
                seen.add(found.arn)
                yield found

    def _all(self) -> Iterator[Lookalike]:
        yield from lookalikes(self.account, [sample_name(name) for name in self.meant])
        for name in STRANGERS:
            yield self._role(name, "a role that nothing names")
            yield self._user(name, "an IAM user that nothing names")
        for name, expression in self.vocabulary.matching.items():
            yield self._role(name, f"every role whose name matches {expression!r}")
        for name in self.vocabulary.guesses:
            yield self._role(name, "a role whose name an expression changes into another")
        yield from self._of_sessions()
        for part in self.vocabulary.parts:
            yield from self._of_part(part)
        yield from self._of_texts()
        yield from self._variants()

    def _of_sessions(self) -> Iterator[Lookalike]:
        for part in dict.fromkeys([*self.vocabulary.parts, *self.vocabulary.sessions]):
            whose = f"every role whose caller may choose the session's name, such as one with {part!r}"
            for session in (part, *self._split(part), f"{part}x", f"x{part}"):
                yield Lookalike(
                    session_arn(self.account, STRANGER, session), whose, f"{WHOLE}: callers name their sessions"
                )

    def _of_part(self, part: str) -> Iterator[Lookalike]:
        yield self._role(part, f"the role {part!r}")
        for name in (f"{part}x", f"{part}-{STRANGER}"):
            yield self._role(name, f"every role whose name begins with {part!r}")
        for name in (f"x{part}", f"x{part}x"):
            yield self._role(name, f"every role whose name contains {part!r}")
        for name in self._split(part):
            yield self._role(name, f"every role with {part!r} as a part of its name")
        for name in (part.upper(), part.lower(), part.title()):
            yield self._role(name, f"a role whose name differs from {part!r} in upper and lower case")
        yield self._user(f"{part}/x", f"an IAM user in the path {part!r}")
        for name in (part, f"{part}x", f"x{part}"):
            yield self._user(name, f"an IAM user with {part!r} in the name")
            yield self._federated(name, f"a federated user with {part!r} in the name")
        yield self._user(f"assumed-role/{part}/x", "an IAM user whose path imitates a role")
        yield self._user(f"x/assumed-role/{part}/x", "an IAM user whose path imitates a role")

    def _of_texts(self) -> Iterator[Lookalike]:
        """Whatever a text asks for stands in the path of a user, as that may be nearly anything."""
        for text in self.vocabulary.texts:
            path = text.strip("/")
            for name in (f"{path}/x", path, f"{path}x", f"x/{path}", f"x/{path}/x"):
                yield self._user(name, f"an IAM user whose path contains {text!r}")
            if text.startswith("arn:"):
                for arn in (text, f"{text}x", f"{text}/x", f"{text}x/x"):
                    yield Lookalike(arn, f"every caller whose ARN begins with {text!r}", WHOLE)

    def _variants(self) -> Iterator[Lookalike]:
        """Names that differ from a known one by a single character: case, wildcards and lengths show themselves."""
        names = dict.fromkeys([*map(sample_name, self.meant), *self.vocabulary.parts])
        for name in list(names)[:MOST_VARIED]:
            for at in range(len(name)):
                before, here, after = name[:at], name[at], name[at + 1 :]
                for other in (here.swapcase(), "x", "-", "_", f"x{here}", *(f"{s}{here}" for s in self._separators)):
                    yield self._role(f"{before}{other}{after}", f"a role whose name differs little from {name!r}")

    @property
    def _separators(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(["-", "_", *self.vocabulary.separators]))

    def _split(self, part: str) -> Iterator[str]:
        """Names of which `part` is one, when they are split."""
        for mark in self.vocabulary.separators:
            for before, after in ((0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0)):
                yield f"{f'x{mark}' * before}{part}{f'{mark}x' * after}"

    def _role(self, name: str, whose: str) -> Lookalike:
        return Lookalike(session_arn(self.account, name, SESSION), whose, WHOLE)

    def _user(self, name: str, whose: str) -> Lookalike:
        return Lookalike(f"arn:aws:iam::{self.account}:user/{name}", whose, ANCHOR.format(account=self.account))

    def _federated(self, name: str, whose: str) -> Lookalike:
        return Lookalike(
            f"arn:aws:sts::{self.account}:federated-user/{name}", whose, ANCHOR.format(account=self.account)
        )


def kind_of(arn: str, account: str) -> Kind:
    """Return the kind of a caller, as a provider of `account` sees it."""
    _, partition, _, _, owner, caller = arn.split(":", 5)
    if owner != account:
        return Kind.ACCOUNT
    if partition != "aws":
        return Kind.PARTITION
    kinds = {"assumed-role": Kind.ROLE, "user": Kind.USER, "federated-user": Kind.FEDERATED_USER}
    return kinds.get(caller.partition("/")[0], Kind.ROOT)


def sample_name(role: str) -> str:
    """Return a role's name; for a pattern with `*`, one that matches."""
    return role.replace("*", "any")


def role_of(arn: str, account: str) -> str:
    """Return the role whose session of `account` this ARN is; empty for every other caller."""
    role, slash, session = arn.removeprefix(sessions_of(account)).partition("/")
    return role if slash and not role.startswith("arn:") and "/" not in session else ""


def spelled_users(texts: Iterable[str], account: str) -> frozenset[str]:
    """Return the ARNs of users and federated users that are spelled out in full."""
    users = (Kind.USER, Kind.FEDERATED_USER)
    return frozenset(text for text in texts if ARNS.fullmatch(text) and kind_of(text, account) in users)
