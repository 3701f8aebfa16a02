"""What of a pool or provider differs from what it should be, as the fields that a patch names."""

from collections.abc import Iterable, Mapping
from typing import Any

from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, text_of


def switched(wanted: bool | None, before: bool | None) -> dict[str, bool]:
    """Return the field `disabled` where it is to be written.

    What a stack disabled it enables again; what a person disabled stays.
    """
    wanted = False if wanted is None and before else wanted
    return {} if wanted is None else {"disabled": wanted}


def described(found: Json | None, marker: Marker, text: str) -> str:
    """Return the description with the owner's marker; an adopted resource keeps its own text beside it."""
    description = (found or {}).get("description")
    if found is None or not is_adopted(description):
        return marker.description(text)
    return marker.on_adopted().description(text or text_of(description))


def differing(found: Json, wanted: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    """Return the wanted fields that differ; Google leaves out what is empty or false."""
    return tuple((name, value) for name, value in wanted.items() if (found.get(name) or type(value)()) != value)


def told(fields: Iterable[tuple[str, object]]) -> str:
    """Return the names of fields for people, and what becomes of `disabled`."""
    return ", ".join(f"disabled to {str(value).lower()}" if name == "disabled" else name for name, value in fields)
