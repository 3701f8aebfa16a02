"""How commands take their words: one form of parser, and types of arguments that say what is wrong with a value."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from keyless_federation.model.rules import Rule

T = TypeVar("T")


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help shows `description` as it is written."""
    return argparse.ArgumentParser(
        prog=program, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def following(rule: Rule) -> Callable[[str], str]:
    """Return a type of argument: a text that follows the rule."""

    def check(value: str) -> str:
        if not rule.accepts(value):
            raise argparse.ArgumentTypeError(rule.refusal(value))
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
