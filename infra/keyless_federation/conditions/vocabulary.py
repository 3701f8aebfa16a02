"""The names and texts that a mapping and a condition spell out or match: a search for callers begins with them."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keyless_federation.conditions.explain import has_computed_pattern, literals, patterns
from keyless_federation.conditions.pattern_samples import is_pattern, pieces, sample
from keyless_federation.model.rules import AWS_ROLE

SLASH = re.compile(r"/(?![^\[]*\])")
DELIMITERS = re.compile(r"[/:,;|\s]")
TEMPLATE = re.compile(r"\{[A-Za-z_]\w*\}", re.ASCII)
ROLES = "assumed-role/"
STRUCTURE = {"arn", "aws", "aws-cn", "aws-us-gov", "sts", "iam", "assumed-role", "role", "user", "federated-user"}
"""What every ARN contains, so that it names nobody."""
MOST_JOINED = 12
"""Among more texts than this, no two are joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What a provider's expressions spell out.

    parts: texts that may be (parts of) the names of roles, sessions or users.
    matching: names that a regular expression matches among others, by it.
    guesses: names of which an expression may make such a text with `replace()`.
    sessions: texts that stand where a session's name does.
    texts: whatever may be found anywhere in an ARN, such as in a user's path.
    separators: single characters, at which a text may be split.
    """

    parts: tuple[str, ...]
    matching: dict[str, str]
    guesses: tuple[str, ...]
    sessions: tuple[str, ...]
    texts: tuple[str, ...]
    separators: tuple[str, ...]

    @classmethod
    def of(cls, mapping: Iterable[str], condition: str, account: str) -> "Vocabulary":
        """Return the vocabulary of the expressions of a mapping and of a condition."""
        sources = [condition, *mapping]
        expressions = _patterns(sources)
        fixed = [text for source in sources for text in literals(source) if text not in patterns(source)]
        plain = [text for text in fixed if not TEMPLATE.search(text)]
        framed = [*_framed(fixed, plain), *_joined(sources, plain), *_undone(sources, plain)]
        roles, sessions, matching = _matched(expressions)
        names = [_of_arn(text) for text in [*plain, *framed]]
        around = [text for each in expressions for text in pieces(each)]
        segments = [part for text in [*plain, *framed] for part in DELIMITERS.split(text)]
        segments += [part for text in around for part in text.split("/")[1:-1]]
        return cls(
            parts=_names([*(name for name, _ in names), *roles, *segments], account),
            matching=matching,
            guesses=_names(_replaced(sources, plain), account),
            sessions=_names([*(session for _, session in names), *sessions], account),
            texts=tuple(dict.fromkeys([*plain, *framed, *around])),
            separators=tuple(dict.fromkeys(text for text in plain if len(text) == 1 and text not in "/:")),
        )


def _patterns(sources: Sequence[str]) -> list[str]:
    """The regular expressions; where `matches()` takes a computed one, every text that may be one."""
    computed = any(map(has_computed_pattern, sources))
    found = [text for source in sources for text in patterns(source)]
    maybe = [text for source in sources for text in literals(source) if computed and is_pattern(text)]
    return list(dict.fromkeys([*found, *maybe]))


def _matched(expressions: Iterable[str]) -> tuple[list[str], list[str], dict[str, str]]:
    """Names of roles that an expression matches alone, names of sessions, and names that it matches among others."""
    roles, sessions, matching = list[str](), list[str](), dict[str, str]()
    for expression in expressions:
        role, session = (sample(part) for part in _of_arn(expression, SLASH))
        roles += role[0] if role[1] else []
        matching.update({} if role[1] else dict.fromkeys(filter(AWS_ROLE.accepts, role[0]), expression))
        sessions += session[0]
    return roles, sessions, matching


def _of_arn(text: str, slash: re.Pattern[str] = re.compile("/")) -> tuple[str, str]:
    """The role's name and the session's in a text, or in a regular expression, that is (a part of) an ARN."""
    text = text.rpartition(ROLES)[2].removeprefix("^")
    role, *session = slash.split(text.removesuffix("/"), maxsplit=1)
    return role, session[0] if session else ""


def _framed(texts: Iterable[str], plain: Iterable[str]) -> Iterator[str]:
    """What `extract()` cuts a text out of: the text between the ends of the template."""
    for template in texts:
        if TEMPLATE.search(template):
            before, after = TEMPLATE.split(template, maxsplit=1)
            yield from (f"{before}{text}{after}" for text in plain if before or after)
            yield from (end for end in (before, after) if end)


def _joined(sources: Iterable[str], texts: Sequence[str]) -> Iterator[str]:
    """Texts that an expression may join with `+`, as far as they are few."""
    if any("+" in source for source in sources) and len(texts) <= MOST_JOINED:
        yield from map("".join, itertools.permutations(texts, 2))


def _undone(sources: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    """What an expression may make such a text of by adding others with `+`, as far as they are few."""
    if any("+" in source for source in sources) and len(texts) <= MOST_JOINED:
        for text, before, after in itertools.product(texts, ("", *texts), ("", *texts)):
            if text not in (before, after):
                yield text.removeprefix(before).removesuffix(after)


def _replaced(sources: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    if any("replace(" in source for source in sources) and len(texts) <= MOST_JOINED:
        for text, old, new in itertools.product(texts, repeat=3):
            if old and old != text:
                yield text.replace(old, new)


def _names(texts: Iterable[str], account: str) -> tuple[str, ...]:
    known = {account, *STRUCTURE}
    return tuple(dict.fromkeys(text for text in texts if AWS_ROLE.accepts(text) and text not in known))
