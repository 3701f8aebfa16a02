"""Split rows into requests below Google's limits, and find the row for which Google refuses a whole request."""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.api_core.exceptions import ClientError
from google.cloud.bigquery import DEFAULT_RETRY, Client

# https://cloud.google.com/bigquery/quotas#streaming_inserts: 10 MB and 50,000 rows a request
MOST_BYTES = 9_000_000
MOST_ROWS = 10_000
ENVELOPE = 200  # bytes beside each row, its insert ID in them


class Row(NamedTuple):
    """A row, and the delivery that it came with."""

    delivery: str
    content: dict[str, Any]


def insert(client: Client, table: str, rows: list[Row], *, seconds: float) -> dict[str, str]:
    """Insert rows within `seconds`, with their IDs; return why rows were refused, by their deliveries."""
    end = time.monotonic() + seconds
    refused: dict[str, str] = {}
    for request in _requests(rows, refused):
        _send(client, table, request, refused, end)
    return refused


def _requests(rows: list[Row], refused: dict[str, str]) -> Iterator[list[Row]]:
    request: list[Row] = []
    taken = 0
    for row in rows:
        size = len(json.dumps(row.content)) + ENVELOPE  # ASCII, as the client sends it
        if size > MOST_BYTES:
            refused[row.delivery] = f"The event takes {size} bytes, and {MOST_BYTES} is the most that is inserted"
            continue
        if request and (taken + size > MOST_BYTES or len(request) == MOST_ROWS):
            yield request
            request, taken = [], 0
        request.append(row)
        taken += size
    if request:
        yield request


def _send(client: Client, table: str, rows: list[Row], refused: dict[str, str], end: float) -> None:
    """Send one request; of one that is refused as a whole, each half, so that a bad row fails alone."""
    left = max(1.0, end - time.monotonic())
    options: dict[str, Any] = {"skip_invalid_rows": True, "retry": DEFAULT_RETRY.with_timeout(left), "timeout": 10}
    contents, ids = [row.content for row in rows], [row.content["id"] for row in rows]
    try:
        problems = client.insert_rows_json(table, contents, row_ids=ids, **options)
    except ClientError as error:
        if error.code not in (400, 413) or time.monotonic() > end:
            raise
        if len(rows) == 1:
            refused[rows[0].delivery] = error.message or "Google refuses the row"
            return
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            _send(client, table, half, refused, end)
        return
    for problem in problems:
        refused[rows[problem["index"]].delivery] = "; ".join(error["message"] for error in problem["errors"])
