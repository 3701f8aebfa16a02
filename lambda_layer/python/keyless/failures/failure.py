"""One entry of the catalogue of failures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

Link = Literal[
    "configuration", "aws-credentials", "identity", "clock", "network", "sts-exchange", "impersonation", "api", "deploy"
]
"""Where it fails. An exception's link is aws-credentials, sts-exchange, impersonation or api; the others are what the
doctor looks at besides, and `deploy` is before there is a chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An entry of the catalogue.

    id: its name, for good. links: where it is met. status, words: how an answer is recognised as this one, from its
    HTTP status (None: any) and a part of what it says (None: not from an answer). also: links at which other words mean
    it, with these words, whatever the status. symptom: what people see and look
    for. cause, confirm, remedy: sentences without their full stop; names in capitals, such as SERVICE_ACCOUNT, stand
    for the chain's own. retryable: the same request may well succeed in a moment. propagating: it may succeed in some
    minutes, if what it needs was created just now (IAM changes take up to five minutes to be seen). seen_as: the
    entry that this one cannot be told from by what Google answers.
    """

    id: str
    links: tuple[Link, ...]
    symptom: str
    cause: str
    confirm: str
    remedy: str
    status: int | None = None
    words: str | None = None
    also: tuple[tuple[Link, str], ...] = ()
    retryable: bool = False
    propagating: bool = False
    seen_as: str | None = None

    def means(self, link: Link, status: int | None, said: str) -> bool:
        """Return whether an answer of this status at this link, that says this in lower case, is this failure."""
        if any(link == where and words.casefold() in said for where, words in self.also):
            return True
        known = self.words is not None and self.words.casefold() in said
        return known and link in self.links and self.status in (None, status)

    def of(self, **facts: str) -> "Failure":
        """Return this failure with what is known: `of(ROLE="reader")` says reader where the entry says ROLE."""
        cause, confirm, remedy = (told(text, facts) for text in (self.cause, self.confirm, self.remedy))
        return replace(self, cause=cause, confirm=confirm, remedy=remedy)


def told(text: str, facts: Mapping[str, str]) -> str:
    """Return `text` with the names in capitals replaced by their `facts`; others stay."""
    return re.sub(r"\b[A-Z]+(?:_[A-Z]+)*\b", lambda match: facts.get(match[0]) or match[0], text)
