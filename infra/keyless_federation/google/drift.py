"""What of a pool or provider is otherwise than it should be, as the fields that a patch names."""

from collections.abc import Iterable, Mapping
from typing import Any

from keyless_federation.model.fields import Json


def switched(wanted: bool | None, before: bool | None) -> dict[str, bool]:
    """The field `disabled`, where anything is said of it: what a stack disabled it enables, what a person did stays."""
    wanted = False if wanted is None and before else wanted
    return {} if wanted is None else {"disabled": wanted}


def differing(found: Json, wanted: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """The wanted fields that are otherwise; Google leaves out what is empty or false."""
    return tuple((name, value) for name, value in wanted.items() if (found.get(name) or type(value)()) != value)


def told(fields: Iterable[tuple[str, object]]) -> str:
    """Fields in words: their names, and what becomes of `disabled`."""
    return ", ".join(f"disabled to {str(value).lower()}" if name == "disabled" else name for name, value in fields)
