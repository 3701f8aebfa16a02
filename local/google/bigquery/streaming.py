"""tabledata.insertAll as BigQuery does it: bad rows are refused one by one, a row is inserted once for each insertId.

The emulator knows neither: it names the first column whatever is wrong, drops unknown fields and ignores insertIds.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bqemulator.api.routes.tabledata import _build_arrow_schema, _fields_raw_from_schema
from bqemulator.storage.arrow_bridge import bq_rows_to_arrow

from local.google.bigquery.exchange import Exchange, Json
from local.google.bigquery.references import UPDATE_DATA
from local.google.bigquery.refusals import table_not_found
from local.google.errors import invalid_argument
from local.google.iam.dataset_access import resource

WINDOW = 60.0
"""Seconds for which an insertId is remembered; Google promises "at least one minute", on a best-effort basis."""

FORMATS = {"TIMESTAMP": "YYYY-MM-DD HH:MM[:SS[.SSSSSS]]", "DATE": "YYYY-MM-DD"}


def before_insert_rows(call: Exchange) -> None:
    """Leave in the request what is to be inserted; what was refused goes along, as the emulator reads past it."""
    call.entry.resource = f"{resource(call.project, call.path['dataset'])}/tables/{call.path['table']}"
    call.require(UPDATE_DATA, call.table)
    fields = call.emulator.fields(call.table)
    if fields is None:
        raise table_not_found(call.table)
    body = call.json()
    rows = _rows(body)
    ignored = bool(body.get("ignoreUnknownValues"))
    refused = {index: errors for index, row in enumerate(rows) if (errors := list(_errors(row, fields, ignored)))}
    if refused and not body.get("skipInvalidRows"):
        refused |= {index: [_error("stopped", "", "")] for index in range(len(rows)) if index not in refused}
    good = [row for index, row in enumerate(rows) if index not in refused]
    errors = [{"index": index, "errors": refused[index]} for index in sorted(refused)]
    call.body = json.dumps({"rows": _fresh(call, good), "insertErrors": errors}).encode()


def after_insert_rows(call: Exchange) -> None:
    """Remember the insertIds of what was inserted, and tell what was not."""
    if call.answer.status != 200:
        return
    done = call.json()
    call.emulator.inserted(call.table).update({row["insertId"]: time.monotonic() for row in _with_id(done["rows"])})
    answer = {"kind": "bigquery#tableDataInsertAllResponse"}
    call.replace_answer({**answer, "insertErrors": done["insertErrors"]} if done["insertErrors"] else answer)


def _rows(body: Json) -> list[Json]:
    rows = body.get("rows")
    if not rows or not isinstance(rows, list):
        raise invalid_argument("No rows present in the request.")
    if not all(isinstance(row, dict) and isinstance(row.get("json"), dict) for row in rows):
        raise invalid_argument("Every row needs an object in its field json.")
    return rows


def _with_id(rows: list[Json]) -> list[Json]:
    return [row for row in rows if row.get("insertId")]


def _fresh(call: Exchange, rows: list[Json]) -> list[Json]:
    """The rows without those that were inserted a moment ago; one of several with the same insertId is kept."""
    ids = call.emulator.inserted(call.table)
    for old in [name for name, at in ids.items() if time.monotonic() - at > WINDOW]:
        del ids[old]
    last = {row["insertId"]: row for row in _with_id(rows)}
    return [row for row in rows if not row.get("insertId")] + [row for name, row in last.items() if name not in ids]


def _errors(row: Json, fields: Mapping[str, Any], ignore_unknown: bool) -> Iterator[Json]:
    values = row["json"]
    if not ignore_unknown:
        yield from (_error("invalid", name, f"no such field: {name}.") for name in values if name not in fields)
    for name, field in fields.items():
        value = values.get(name)
        if value is None and field.mode == "REQUIRED":
            yield _error("invalid", "", f"Missing required field: Msg_0_CLOUD_QUERY_TABLE.{name}.")
        elif value is not None and not _suits(field, value):
            yield _error("invalid", name, _words(field, value))


def _suits(field: Any, value: object) -> bool:
    try:
        if field.type == "JSON" and field.mode != "REPEATED":
            json.loads(value)  # type: ignore[arg-type] # what is no text is a TypeError, and refused
        column: list[Any] = [*_fields_raw_from_schema([field])]
        bq_rows_to_arrow([{"json": {field.name: value}}], _build_arrow_schema(column))
    except (ValueError, TypeError, ArithmeticError):
        return False
    return True


def _words(field: Any, value: object) -> str:
    if field.type in FORMATS:
        return f"Could not parse '{value}' as a {field.type.lower()}. Required format is {FORMATS[field.type]}"
    return f"Cannot convert value to {field.type.lower()} (bad value): {value}"


def _error(reason: str, location: str, message: str) -> Json:
    return {"reason": reason, "location": location, "debugInfo": "", "message": message}
