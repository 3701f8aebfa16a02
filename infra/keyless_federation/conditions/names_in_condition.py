"""What a condition spells out that may be a role's name, or a session's: where a search for callers begins."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from keyless_federation.conditions.explain import literals, patterns
from keyless_federation.conditions.pattern_samples import sample
from keyless_federation.model.rules import AWS_ROLE

SLASH = re.compile(r"/(?![^\[]*\])")
ROLES = "assumed-role/"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesInCondition:
    """parts: (parts of) roles' names. matching: names that a regular expression matches among others, by it.
    sessions: names of sessions."""

    parts: tuple[str, ...]
    matching: dict[str, str]
    sessions: tuple[str, ...]

    @classmethod
    def of(cls, condition: str, account: str) -> "NamesInCondition":
        """Of a condition."""
        expressions = patterns(condition)
        texts = [tuple(_of_arn(text)) for text in literals(condition) if text not in expressions]
        parts, sessions = [text[0] for text in texts], [text[1] for text in texts]
        matching = {}
        for expression in expressions:
            role, session = (sample(part) for part in _of_arn(expression, SLASH))
            parts += role[0] if role[1] else []
            matching.update({} if role[1] else dict.fromkeys(filter(AWS_ROLE.accepts, role[0]), expression))
            sessions += session[0]
        return cls(parts=_names(parts, account), matching=matching, sessions=_names(sessions, account))


def _of_arn(text: str, slash: re.Pattern[str] = re.compile("/")) -> Iterator[str]:
    """The role's name and the session's in a text, or in a regular expression, that is (a part of) an ARN."""
    text = text.rpartition(ROLES)[2].removeprefix("^")
    role, *session = slash.split(text.removeprefix("/") if text.endswith("/") else text, maxsplit=1)
    yield role
    yield session[0] if session else ""


def _names(texts: list[str], account: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if AWS_ROLE.accepts(text) and text != account))
