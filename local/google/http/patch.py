"""A PATCH of a JSON document, as Google's APIs apply it."""

from collections.abc import Mapping
from typing import Any


def merged(before: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The document after a patch: objects are merged, null takes a field away, anything else replaces it."""
    after = dict(before)
    for key, value in patch.items():
        if value is None:
            after.pop(key, None)
        elif isinstance(value, dict):
            inner = after.get(key)
            after[key] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            after[key] = value
    return after
