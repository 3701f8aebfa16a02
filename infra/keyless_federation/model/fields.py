"""Typed reading of CloudFormation's properties (all leaves are strings), collecting every problem."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keyless_federation.model.rules import Rule

Json = dict[str, Any]
"""A JSON object, as an API takes and returns it."""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object among the properties, where it lies, and the problems found so far in all of them."""

    values: Any
    where: str = ""
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, rule: Rule, default: str | None = None) -> str:
        """The string `name`; absent and without default, or against the rule, is a problem."""
        value = self._get(name, default)
        if not isinstance(value, str) or not rule.accepts(value):
            self._problem(name, rule.refusal(value) if value is not None else "is missing")
            return ""
        return value

    def flag(self, name: str, default: str) -> bool:
        """The boolean `name`, which CloudFormation hands over as 'true' or 'false'."""
        return self.text(name, Rule("true|false", "'true' or 'false'"), default) == "true"

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """One of the `allowed` words; `default` where another is given, which is a problem."""
        words = list(allowed)
        return self.text(name, Rule("|".join(words), " or ".join(words)), default) or default

    def texts(self, name: str, rule: Rule) -> tuple[str, ...]:
        """The list of strings `name`, sorted, each once; absent is empty."""
        values = self._list(name)
        for position, value in enumerate(values):
            if not rule.accepts(value):
                self._problem(f"{name}[{position}]", rule.refusal(value))
        return tuple(sorted({str(value) for value in values}))

    def table(self, name: str) -> dict[str, str]:
        """The object `name` of strings; absent is empty."""
        value = self._get(name, {})
        if isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
            return dict(value)
        self._problem(name, "must be an object of strings")
        return {}

    def object(self, name: str) -> "Fields":
        """The object `name`."""
        value = self._get(name, None)
        if not isinstance(value, Mapping):
            self._problem(name, "is missing" if value is None else "must be an object")
        return Fields(value, self._path(name), self.problems)

    def objects(self, name: str) -> list["Fields"]:
        """The list of objects `name`; absent is empty."""
        return [
            Fields(value, self._path(f"{name}[{position}]"), self.problems)
            for position, value in enumerate(self._list(name))
        ]

    def has(self, name: str) -> bool:
        """Whether `name` is given."""
        return self._get(name, None) is not None

    def add(self, name: str, problem: str) -> None:
        """Record a problem of `name` that no rule of this module finds."""
        self._problem(name, problem)

    def _list(self, name: str) -> list[Any]:
        value = self._get(name, [])
        if isinstance(value, list):
            return value
        self._problem(name, "must be a list")
        return []

    def _get(self, name: str, default: Any) -> Any:
        return self.values.get(name, default) if isinstance(self.values, Mapping) else default

    def _path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name

    def _problem(self, name: str, problem: str) -> None:
        self.problems.append(f"{self._path(name)} {problem}")
