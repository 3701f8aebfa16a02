"""gcloud commands as text for a shell: quoted, a flag to a line, with variables for what only the script will know."""

import re
import shlex
from collections.abc import Mapping
from itertools import chain, zip_longest
from textwrap import indent

Flags = Mapping[str, str | None]
VARIABLE = re.compile("@([A-Z_]+)@")


def command(verb: str, name: str, flags: Flags) -> str:
    """A gcloud command, quoted for the shell, a flag to a line; a flag without a value is None."""
    given = [f"--{flag}" if value is None else f"--{flag}={word(value)}" for flag, value in flags.items()]
    return " \\\n    ".join([f"gcloud {verb} {word(name)}".rstrip(), *given])


def word(text: str) -> str:
    """A word for the shell, with variables in the places of what is not known yet."""
    parts = VARIABLE.split(text)
    known = [_quoted(part) if part else "" for part in parts[::2]]
    variables = [f'"${{{name}}}"' for name in parts[1::2]]
    return "".join(chain.from_iterable(zip_longest(known, variables, fillvalue=""))) or "''"


def _quoted(text: str) -> str:
    """As `shlex.quote`, but legible where the text has single quotes of its own."""
    return f'"{text}"' if "'" in text and not re.search(r'["$`\\!]', text) else shlex.quote(text)


def variable(sentinel: str, value: str) -> str:
    """An assignment to the variable that `sentinel`, its name between two @, stands for."""
    return f"{sentinel.strip('@')}={word(value)}"


def pairs(values: Mapping[str, str]) -> str:
    """A dictionary as gcloud takes it (`gcloud topic escaping`), with a separator that no value holds."""
    separator = next(mark for mark in ",|;#~" if not any(mark in value for value in values.values()))
    prefix = "" if separator == "," else f"^{separator}^"
    return prefix + separator.join(f"{key}={value}" for key, value in values.items())


def indented(lines: str) -> str:
    """The lines, one level further in."""
    return indent(lines, "    ")


def heading(words: str) -> str:
    """A comment over what follows."""
    return f"\n# {words}"
