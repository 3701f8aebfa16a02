"""An attribute mapping as people write it on a command line, and as it is shown."""

import re
from collections.abc import Iterator, Mapping

from keyless_federation.conditions.explain import split
from keyless_federation.conditions.trust import DEFAULT_MAPPING
from keyless_federation.model.condition import MAPPING

DEFAULT = "default"
"""The word for the mapping that Google gives a provider without one."""
DELIMITER = re.compile(r"\^(?P<delimiter>[^^]+)\^(?P<rest>.*)", re.DOTALL)
NAMES = ((DEFAULT_MAPPING, "Google's default mapping"), (MAPPING, "Keyless's mapping"))


def parse_mapping(text: str) -> dict[str, str]:
    """Parse `KEY=CEL`, several with commas between them as gcloud takes them, or the word `default`.

    Commas in quotes and brackets are part of an expression. `^;^a=b;c=d` is gcloud's form with another delimiter.
    Raises ValueError for anything else.
    """
    if text.strip() == DEFAULT:
        return dict(DEFAULT_MAPPING)
    return dict(map(_pair, _pieces(text)))


def _pieces(text: str) -> Iterator[str]:
    chosen = DELIMITER.fullmatch(text.strip())
    pieces = chosen["rest"].split(chosen["delimiter"]) if chosen else split(text, ",")
    yield from filter(None, map(str.strip, pieces))


def _pair(piece: str) -> tuple[str, str]:
    key, equals, source = piece.partition("=")
    if not equals or not re.fullmatch(r"[\w.]+", key.strip()):
        raise ValueError(f"{piece!r} is not KEY=CEL, such as google.subject=assertion.arn")
    return key.strip(), source.strip()


def describe_mapping(mapping: Mapping[str, str]) -> list[str]:
    """Return the lines that show the mapping in force."""
    name = next((name for known, name in NAMES if dict(mapping) == known), "the mapping")
    return [f"with {name}", *(f"  {key} = {source}" for key, source in mapping.items())]
