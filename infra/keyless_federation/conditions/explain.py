"""Which clause of a condition keeps a caller out, and what stood in the attributes that it looks at."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keyless_federation.conditions import cel
from keyless_federation.conditions.trust import CONDITION_ENV
from keyless_federation.model.condition import quoted

Variables = Mapping[str, Mapping[str, Any]]

TEXT = r"[rR]?(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
TOKENS = re.compile(
    rf"(?P<text>{TEXT})|(?P<comment>//[^\n]*)|(?P<open>[(\[{{])|(?P<close>[)\]}}])|(?P<other>&&|\|\||.)", re.DOTALL
)
QUOTED = re.compile(r"[rR]?(?P<quote>'{3}|\"{3}|'|\")(?P<inside>.*)(?P=quote)", re.DOTALL)
REFERENCE = re.compile(r"\b(?P<of>assertion|attribute|google)(?:\.(?P<name>\w+)|\[['\"](?P<key>[^'\"]+)['\"]\])")


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a condition that is false, or has no value; `seen` is what it looked at."""

    source: str
    seen: Mapping[str, Any]
    error: str = ""

    def __str__(self) -> str:
        looked = ", ".join(f"{name} is {value!r}" for name, value in self.seen.items())
        verdict = f"has no value ({self.error})" if self.error else "is false"
        return f"{self.source}  {verdict}" + (f": {looked}" if looked else "")


def false_clauses(condition: str, variables: Variables) -> list[Clause]:
    """The smallest parts that make `condition` false; of alternatives (`||`), why each one is."""
    return list(_false(_uncommented(condition), variables))


def references(source: str) -> list[str]:
    """What an expression looks at, such as `attribute.aws_role`, each once."""
    source = _uncommented(source)
    outside = TOKENS.sub(lambda token: token[0] if not token["text"] or _is_key(source, token) else "''", source)
    found = (f"{match['of']}.{match['name'] or match['key']}" for match in REFERENCE.finditer(outside))
    return list(dict.fromkeys(found))


def literals(source: str) -> list[str]:
    """The texts that an expression compares with, without their quotes, each once."""
    return list(dict.fromkeys(_inside(token["text"]) for token in TOKENS.finditer(source) if token["text"]))


def patterns(source: str) -> list[str]:
    """The regular expressions with which an expression compares by `matches()`, each once."""
    source = _uncommented(source)
    texts = (token for token in TOKENS.finditer(source) if token["text"])
    return list(
        dict.fromkeys(_inside(text[0]) for text in texts if re.search(r"\bmatches\(\s*$", source[: text.start()]))
    )


def has_computed_pattern(source: str) -> bool:
    """Return whether an expression calls `matches()` with anything but a text, such as a macro's variable."""
    blank = TOKENS.sub(lambda token: "''" if token["text"] else token[0], _uncommented(source))
    return re.search(r"\bmatches\(\s*(?!'')", blank) is not None


def rewritten(source: str, change: Callable[[str], str]) -> str:
    """Return the expression with each of its texts changed."""
    return TOKENS.sub(lambda token: quoted(change(_inside(token[0]))) if token["text"] else token[0], source)


def split(source: str, operator: str) -> list[str]:
    """Return `source` cut at each `operator` that is in no text and in no brackets."""
    parts, depth = [""], 0
    for token in TOKENS.finditer(source):
        depth += bool(token["open"]) - bool(token["close"])
        if token[0] == operator and depth == 0:
            parts.append("")
        else:
            parts[-1] += token[0]
    return [part.strip() for part in parts]


def _uncommented(source: str) -> str:
    return TOKENS.sub(lambda token: "" if token["comment"] else token[0], source)


def _inside(text: str) -> str:
    """What a text of CEL's says: without its quotes and, unless it is raw, without the commonest escapes."""
    found = QUOTED.fullmatch(text)
    inside = found["inside"] if found else text
    return inside if text[0] in "rR" else re.sub(r"\\([\\'\"`?])", r"\1", inside)


def _is_key(source: str, token: re.Match[str]) -> bool:
    return source[: token.start()].endswith("[") and source[token.end() :].startswith("]")


def _false(condition: str, variables: Variables) -> Iterator[Clause]:
    source = _bare(condition)
    if conditional := _conditional(source):  # binds weaker than || and &&
        yield from _false_branch(source, *conditional, variables)
        return
    for operator in () if len(split(source, "?")) > 1 else ("||", "&&"):
        parts = split(source, operator)
        if len(parts) > 1:
            # Of alternatives all are false; of conjuncts only some.
            for part in parts:
                if not _holds(part, variables):
                    yield from _false(part, variables)
            return
    yield _clause(source, variables)


def _clause(source: str, variables: Variables) -> Clause:
    values = {f"{of}.{name}": value for of, names in variables.items() for name, value in names.items()}
    seen = {name: values[name] for name in references(source) if name in values}
    return Clause(source, seen, _error(source, variables))


def _conditional(source: str) -> tuple[str, str, str] | None:
    """Of `test ? one : other` these three; None for anything else, and for several in one another."""
    test, *rest = split(source, "?")
    branches = split(rest[0], ":") if len(rest) == 1 else []
    return (test, branches[0], branches[1]) if len(branches) == 2 else None


def _false_branch(source: str, test: str, one: str, other: str, variables: Variables) -> Iterator[Clause]:
    if _error(test, variables):
        yield from _false(test, variables)
    elif not _holds(test, variables):
        yield from _false(test if other == "false" else other, variables)
    elif one != "false":
        yield from _false(one, variables)
    else:
        yield _clause(source, variables)


def _bare(source: str) -> str:
    """Without parentheses around the whole."""
    source = source.strip()
    while source.startswith("(") and source.endswith(")"):
        depth, inside = 0, True
        for token in TOKENS.finditer(source):
            depth += bool(token["open"]) - bool(token["close"])
            inside &= depth > 0 or token.end() == len(source)
        if not inside:
            break
        source = source[1:-1].strip()
    return source


def _holds(source: str, variables: Variables) -> bool:
    try:
        return bool(cel.Program.compile(CONDITION_ENV, source, cel.BOOL).evaluate(variables))
    except cel.EvaluationError:
        return False


def _error(source: str, variables: Variables) -> str:
    try:
        cel.Program.compile(CONDITION_ENV, source, cel.BOOL).evaluate(variables)
    except cel.EvaluationError as error:
        return str(error).removeprefix(f"{source}: ")
    return ""
