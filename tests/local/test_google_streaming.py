"""Rows that are streamed in: refused one by one, and inserted once for each insertId."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from google.cloud import bigquery

from tests.local.bigquery_client import BASE, client
from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT, Google, server

NAMES = count(1)
COLUMNS = [
    {"name": "id", "type": "STRING", "mode": "REQUIRED"},
    {"name": "n", "type": "INTEGER"},
    {"name": "seen", "type": "TIMESTAMP"},
    {"name": "data", "type": "JSON"},
    {"name": "tags", "type": "STRING", "mode": "REPEATED"},
]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with server(tmp_path_factory.mktemp("google")) as (running, _):
        running.enable_apis()
        yield running


@pytest.fixture
def bq(google: Google) -> Iterator[bigquery.Client]:
    with client(google, ADMIN_TOKEN) as opened:
        yield opened


@pytest.fixture
def table(google: Google) -> str:
    """An empty table of the test's own, with columns of several kinds."""
    name = f"streamed_{next(NAMES)}"
    google.ok("POST", f"{BASE}/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": name}})
    make_table(google, name)
    return f"{PROJECT}.{name}.rows"


def make_table(google: Google, dataset: str) -> None:
    """The table `rows` of a dataset."""
    reference = {"projectId": PROJECT, "datasetId": dataset, "tableId": "rows"}
    body = {"tableReference": reference, "schema": {"fields": COLUMNS}}
    google.ok("POST", f"{BASE}/datasets/{dataset}/tables", body)


def ids(bq: bigquery.Client, table: str) -> list[str]:
    """What is in the table."""
    return sorted(row["id"] for row in bq.query_and_wait(f"SELECT id FROM `{table}`"))


def test_every_kind_of_value_arrives_as_it_was_sent(bq: bigquery.Client, table: str) -> None:
    row = {"id": "a", "n": "12", "seen": "2026-02-03T04:05:06Z", "data": '{"x": [1, null]}', "tags": ["t", "u"]}
    assert bq.insert_rows_json(table, [row]) == []
    columns = "id, n, STRING(seen) AS seen, TO_JSON_STRING(data) AS data, tags"
    (found,) = bq.query_and_wait(f"SELECT {columns} FROM `{table}`")
    assert (found["id"], found["n"], found["tags"]) == ("a", 12, ["t", "u"])
    assert found["seen"].startswith("2026-02-03 04:05:06")
    assert found["data"].replace(" ", "") == '{"x":[1,null]}'


@pytest.mark.parametrize(
    ("bad", "location", "words"),
    [
        ({"n": 1}, "", "Missing required field: Msg_0_CLOUD_QUERY_TABLE.id."),
        ({"id": "b", "color": "red"}, "color", "no such field: color."),
        ({"id": "b", "n": "many"}, "n", "Cannot convert value to integer (bad value): many"),
        ({"id": "b", "seen": "yesterday"}, "seen", "Could not parse 'yesterday' as a timestamp. Required format is"),
        ({"id": "b", "data": "{"}, "data", "Cannot convert value to json (bad value): {"),
        ({"id": "b", "data": {"x": 1}}, "data", "Cannot convert value to json"),
    ],
)
def test_a_bad_row_is_refused_by_field_and_leaves_the_others_alone(
    bq: bigquery.Client, table: str, bad: dict[str, Any], location: str, words: str
) -> None:
    refused = bq.insert_rows_json(table, [{"id": "a"}, bad, {"id": "c"}], skip_invalid_rows=True)
    assert [(one["index"], [error["location"] for error in one["errors"]]) for one in refused] == [(1, [location])]
    assert refused[0]["errors"][0]["message"].startswith(words)
    assert ids(bq, table) == ["a", "c"]


def test_unless_invalid_rows_are_skipped_one_stops_them_all(bq: bigquery.Client, table: str) -> None:
    refused = bq.insert_rows_json(table, [{"id": "a"}, {"id": "b", "n": "many"}])
    assert [(one["index"], one["errors"][0]["reason"]) for one in refused] == [(0, "stopped"), (1, "invalid")]
    assert ids(bq, table) == []


def test_unknown_fields_are_dropped_on_demand(bq: bigquery.Client, table: str) -> None:
    assert bq.insert_rows_json(table, [{"id": "a", "color": "red"}], ignore_unknown_values=True) == []
    assert ids(bq, table) == ["a"]


def test_a_row_is_inserted_once_for_each_insert_id(bq: bigquery.Client, table: str) -> None:
    bq.insert_rows_json(table, [{"id": "a"}, {"id": "a"}], row_ids=["1", "1"])
    bq.insert_rows_json(table, [{"id": "a"}, {"id": "b"}], row_ids=["1", "2"])
    assert ids(bq, table) == ["a", "b"]
    bq.insert_rows_json(table, [{"id": "c"}, {"id": "c"}], row_ids=[None, None])
    assert ids(bq, table) == ["a", "b", "c", "c"]


def test_the_insert_id_of_a_refused_row_is_free_for_the_mended_one(bq: bigquery.Client, table: str) -> None:
    assert bq.insert_rows_json(table, [{"id": "a", "n": "many"}], row_ids=["1"], skip_invalid_rows=True)
    assert bq.insert_rows_json(table, [{"id": "a", "n": 2}], row_ids=["1"]) == []
    assert ids(bq, table) == ["a"]


def test_a_table_that_was_made_anew_knows_no_insert_ids(google: Google, bq: bigquery.Client, table: str) -> None:
    bq.insert_rows_json(table, [{"id": "a"}], row_ids=["1"])
    bq.delete_table(table)
    make_table(google, table.split(".")[1])
    bq.insert_rows_json(table, [{"id": "a"}], row_ids=["1"])
    assert ids(bq, table) == ["a"]


def test_a_table_that_is_not_there_is_named(google: Google, table: str) -> None:
    project, dataset, _ = table.split(".")
    rows = {"rows": [{"json": {"id": "a"}}]}
    path = f"{BASE}/datasets/{dataset}/tables/absent/insertAll"
    words = google.refused(404, "NOT_FOUND", "POST", path, rows)
    assert f"Not found: Table {project}:{dataset}.absent" in words


def test_rows_come_in_while_others_read_and_query(google: Google, table: str) -> None:
    dataset = table.split(".")[1]

    def insert(number: int) -> None:
        google.ok("POST", f"{BASE}/datasets/{dataset}/tables/rows/insertAll", {"rows": [{"json": {"id": str(number)}}]})

    def read(_number: int) -> None:
        google.ok("GET", f"{BASE}/datasets/{dataset}/tables/rows/data")

    def query(_number: int) -> None:
        google.ok("POST", f"{BASE}/queries", {"query": f"SELECT COUNT(*) FROM `{table}`", "useLegacySql": False})

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call, number) for number in range(25) for call in (insert, read, query, read)]
        for call in calls:
            call.result(timeout=60)
    rows = google.ok("GET", f"{BASE}/datasets/{dataset}/tables/rows/data")["rows"]
    assert sorted(int(row["f"][0]["v"]) for row in rows) == list(range(25))
