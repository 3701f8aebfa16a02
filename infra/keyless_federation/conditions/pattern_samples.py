"""Texts that a regular expression matches, so that what a condition lets in by `matches()` can be tried."""

import itertools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 8
"""More texts than this are not made of one expression."""

QUANTIFIER = re.compile(r"(?:[*+?]|\{(?P<least>\d+)(?P<more>,\d*)?\})[?+]?")
FLAGS = re.compile(r"\(\?[a-zA-Z]+\)")
GROUP = re.compile(r"\((?:\?(?::|P?<\w+>))?")
CLASS = re.compile(r"\[(?P<but>\^?)(?P<members>(?:\[:\w+:\]|\\.|[^\\])(?:\[:\w+:\]|\\.|[^\]\\])*)\]", re.DOTALL)
RANGE = re.compile(r"(\w)-(\w)", re.ASCII)
ESCAPED = {"d": string.digits, "w": string.ascii_letters + string.digits + "_", "s": " ", "D": "a", "W": "-", "S": "a"}
LETTERS = "ab0A-_.@/ "
SPECIAL = re.compile(r"[\\^$*+?()|\[\]{}]")
ANYTHING = re.compile(r"\.[*+]\??")


def sample(pattern: str) -> tuple[list[str], bool]:
    """Texts that are of the pattern from end to end, and whether there are no others; none if it cannot be read.

    They are good guesses, to be tried: not all of RE2's syntax is known here.
    """
    reader = _Reader(pattern)
    try:
        texts = reader.alternatives()
    except ValueError:
        return [], False
    return ([], False) if reader.rest else (texts, reader.exact and len(texts) < MOST)


def is_pattern(text: str) -> bool:
    """Return whether a text would match more than itself as a regular expression, a bare `.` aside."""
    return SPECIAL.search(text) is not None


def pieces(pattern: str) -> list[str]:
    """Texts that match what stands around each `.*` of the pattern; none of what cannot be read by itself."""
    return [text for piece in ANYTHING.split(pattern) for text in sample(piece)[0] if text]


@dataclass(slots=True)
class _Reader:
    rest: str
    exact: bool = True

    def alternatives(self) -> list[str]:
        """Texts of what is left, up to the end of the group."""
        found = self._sequence()
        while self._take("|"):
            found += self._sequence()
        return found[:MOST]

    def _sequence(self) -> list[str]:
        parts: list[Sequence[str]] = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self._repeated(self._one()))
        return ["".join(texts) for texts in itertools.islice(itertools.product(*parts), MOST)]

    def _repeated(self, texts: Sequence[str]) -> Sequence[str]:
        found = QUANTIFIER.match(self.rest)
        if not found:
            return texts
        self.rest = self.rest[found.end() :]
        if found[0][0] == "?":
            return ["", *texts]
        self.exact &= bool(found["least"]) and not found["more"]
        least = int(found["least"] or found[0][0] == "+")
        return [text * least for text in texts] if least else [""]

    def _one(self) -> Sequence[str]:
        if flags := FLAGS.match(self.rest):
            self.rest = self.rest[flags.end() :]
            return [""]
        if group := GROUP.match(self.rest):
            self.rest = self.rest[group.end() :]
            texts = self.alternatives()
            if not self._take(")"):
                raise ValueError("a group of another kind, or without an end")
            return texts
        if of := CLASS.match(self.rest):
            self.rest, self.exact = self.rest[of.end() :], False
            return _member(of)
        letter, self.rest = self.rest[0], self.rest[1:]
        if letter == "\\" and self.rest:
            letter, self.rest = self.rest[0], self.rest[1:]
            self.exact &= letter not in ESCAPED
            return ESCAPED.get(letter, letter)[:1]
        self.exact &= letter != "."
        return "a" if letter == "." else [""] if letter in "^$" else letter

    def _take(self, letter: str) -> bool:
        taken = self.rest.startswith(letter)
        self.rest = self.rest[taken:]
        return taken


def _member(of: re.Match[str]) -> str:
    """A letter of the class, "" if none was found."""
    members = re.sub(r"\[:\w+:\]", "a0", of["members"])
    members = re.sub(r"\\(.)", lambda escaped: ESCAPED.get(escaped[1], escaped[1]), members)
    members = RANGE.sub(lambda ends: "".join(map(chr, range(ord(ends[1]), ord(ends[2]) + 1))), members)
    letters = [letter for letter in LETTERS if letter not in members] if of["but"] else [*members]
    return "".join(letters[:1])
