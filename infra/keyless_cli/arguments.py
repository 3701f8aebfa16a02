"""How commands take their words: one form of parser, and types of arguments that say what is wrong with a value."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

from keyless_federation.model.disclosure import described
from keyless_federation.model.rules import Rule

T = TypeVar("T")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors repeat no value that may be a secret: argparse's own do."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Return what the arguments say; exit where one is unknown, with what it looks like."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {', '.join(map(described, unknown))}")
        return found

    def error(self, message: str) -> NoReturn:
        """Exit with the message, without a value that was given to a flag with `=`."""
        message = re.sub(r"(ignored explicit argument) .*", r"\1 (not shown)", message, flags=re.DOTALL)
        super().error(re.sub(r"(ambiguous option: [^=\s]*)=.*( could match)", r"\1\2", message, flags=re.DOTALL))


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows `description` as it is written."""
    return _Parser(prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def following(rule: Rule) -> Callable[[str], str]:
    """Return a type of argument: a text that follows the rule."""

    def check(value: str) -> str:
        if not rule.accepts(value):
            raise argparse.ArgumentTypeError(f"{described(value)} is not {rule.meaning}")
        return value

    return check


def parsed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return a type of argument: what `parse` returns; argparse repeats the words of its ValueError."""

    def check(value: str) -> T:
        try:
            return parse(value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return check
