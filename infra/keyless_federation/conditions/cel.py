"""CEL as Google Cloud evaluates it: Google's own engine, IAM's `extract()`, and errors that cannot admit anyone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel  # type: ignore[import-untyped]
from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

BOOL, STRING, TIMESTAMP = cel.Type.BOOL, cel.Type.STRING, cel.Type.TIMESTAMP
STRING_MAP = cel.Type("map<string, dyn>")
LIST = cel.Type.LIST
STRING_LIST = cel.Type("list<string>")
STRING_LISTS = cel.Type("map<string, list<string>>")


class CompileError(ValueError):
    """An expression that is not CEL, or not of the wanted type; the message carries line and column."""


class EvaluationError(Exception):
    """An expression that has no value for this input, or one of another type than was wanted."""


def extract(value: str, template: str) -> str:
    """IAM's `extract()`: what stands between the template's prefix and suffix in `value`, or "".

    https://cloud.google.com/iam/docs/conditions-attribute-reference#extract
    """
    prefix, opened, rest = template.partition("{")
    identifier, closed, suffix = rest.partition("}")
    if not (opened and closed and identifier.isidentifier() and identifier.isascii()):
        raise ValueError(f"extract() needs one {{identifier}} in its template, not {template!r}")
    _, found, after = value.partition(prefix) if prefix else ("", True, value)
    if not found:
        return ""
    if not suffix:
        return after
    part, found, _ = after.partition(suffix)
    return part if found else ""


def member(
    name: str, result: cel.Type, parameters: Sequence[cel.Type], function: Callable[..., Any]
) -> cel.FunctionDecl:
    """A member function for an environment; the first parameter is what it is called on."""
    return cel.FunctionDecl(name, [cel.Overload(f"member_{name}", result, list(parameters), True, function)])


EXTRACT = member("extract", STRING, [STRING, STRING], extract)


def environment(variables: Mapping[str, cel.Type], *functions: cel.FunctionDecl) -> cel.Env:
    """An environment that knows `variables`, `extract()`, CEL's string functions, and `functions`."""
    return cel.NewEnv(
        variables=dict(variables),
        functions=[EXTRACT, *functions],
        extensions=[ext_strings.ExtStrings()],
    )


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled expression of a known result type."""

    source: str
    expression: cel.Expression
    result: cel.Type

    @classmethod
    def compile(cls, env: cel.Env, source: str, result: cel.Type) -> "Program":
        """Compile `source`; raise `CompileError` when it is no CEL or cannot yield `result`."""
        try:
            expression = env.compile(source)
        except RuntimeError as error:
            words = str(error).removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
            raise CompileError(words) from error
        actual = expression.return_type()
        if actual not in (result, cel.Type.DYN):
            raise CompileError(f"the expression yields {actual}, not {result}: {source}")
        return cls(source, expression, result)

    def evaluate(self, data: Mapping[str, Any]) -> Any:
        """The value for `data`, of the wanted type; anything else raises `EvaluationError`."""
        value = self.expression.eval(data=dict(data))
        # The engine hands out errors as values, and they are truthy: never look at one before its type.
        if value.type() != self.result:
            raise EvaluationError(f"{self.source}: {value.plain_value()}")
        return value.plain_value()
