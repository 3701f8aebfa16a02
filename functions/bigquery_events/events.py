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
    event = _parsed(event)
    if not isinstance(event, dict):
        raise RejectedEventError("An event is a JSON object with 'type', 'time' and 'data'")
    fields = {"id": delivery, **event}
    problems = [f"{name!r} is not a field of an event" for name in sorted(fields.keys() - FIELDS)]
    problems += [f"{name!r} must be a text" for name in ("id", "type", "time") if not _is_text(fields.get(name))]
    if _is_text(fields["id"]) and len(fields["id"]) > LONGEST_ID:
        problems.append(f"'id' is longer than {LONGEST_ID} characters")
    if problems:
        raise RejectedEventError("; ".join(problems))
    return {**fields, "data": json.dumps(fields.get("data"))}


def _parsed(event: object) -> object:
    try:
        return json.loads(event) if isinstance(event, str) else event
    except ValueError as error:
        raise RejectedEventError(f"An event is a JSON object, and this is not JSON: {error}") from error


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
