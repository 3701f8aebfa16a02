"""Check an event and turn it into a row: change this together with schema.json."""

import json
from typing import Any

FIELDS = {"id", "type", "time", "data"}
LONGEST_ID = 128  # https://cloud.google.com/bigquery/docs/reference/rest/v2/tabledata/insertAll


class RejectedEventError(ValueError):
    """The event cannot be inserted, however often it is sent; the message says why."""


def row(event: object, delivery: str) -> dict[str, Any]:
    """Return the row of an event, given as JSON text or as its content.

    Its ID is its own or else that of its `delivery`. Raises `RejectedEventError` with every problem at once;
    BigQuery checks the values against the table's columns, row by row.
    """
    event = parsed(event) if isinstance(event, str) else event
    if not isinstance(event, dict):
        raise RejectedEventError("An event is a JSON object with 'type', 'time' and 'data'")
    fields = {"id": delivery, **event}
    problems = [f"{name[:40]!a} is not a field of an event" for name in sorted(fields.keys() - FIELDS)]
    problems += [f"{name!r} must be a text" for name in ("id", "type", "time") if not is_text(fields.get(name))]
    if is_text(fields["id"]) and len(fields["id"]) > LONGEST_ID:
        problems.append(f"'id' is longer than {LONGEST_ID} characters")
    if problems:
        raise RejectedEventError("; ".join(problems))
    return {**{name: _unicode(fields[name]) for name in ("id", "type", "time")}, "data": _json(fields.get("data"))}


def parsed(text: str) -> object:
    """Return the content of JSON text; raises `RejectedEventError`."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RejectedEventError(f"An event is a JSON object, and this cannot be read as JSON: {error}") from error


def is_text(value: object) -> bool:
    """Return whether `value` is a text with something in it."""
    return isinstance(value, str) and value != ""


def _json(data: object) -> str:
    """Return `data` as the JSON that BigQuery stores: Python writes and reads some that is none, such as NaN."""
    try:
        return _unicode(json.dumps(data, ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError) as error:
        if isinstance(error, RejectedEventError):
            raise
        raise RejectedEventError(f"'data' cannot be written as JSON: {error}") from error


def _unicode(text: str) -> str:
    """Return `text`, if it is valid Unicode: JSON can escape one half of a surrogate pair, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RejectedEventError("The event has one half of a surrogate pair, such as \\ud800, in it") from error
    return text
