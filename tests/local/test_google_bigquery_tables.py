"""Datasets and tables as Terraform goes about them: what was asked for reads back, and nothing else."""

import time
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import PreconditionFailed

from tests.local.bigquery_client import BASE, client
from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT, Google, Json, server

DATASETS = f"{BASE}/datasets"
NAMES = iter(range(10**6))
FIELDS = [
    {"name": "a", "type": "STRING", "mode": "REQUIRED", "description": "first", "maxLength": "9"},
    {"name": "ts", "type": "TIMESTAMP", "mode": "NULLABLE"},
]
HOUR, FAR = 3600_000, "1999999999000"


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with server(tmp_path_factory.mktemp("google")) as (running, _):
        running.enable_apis()
        yield running


@pytest.fixture
def dataset(google: Google) -> str:
    """The path of a dataset of the test's own."""
    return make(google)


def make(google: Google, **more: object) -> str:
    name = f"tf{next(NAMES)}"
    google.ok("POST", f"{DATASETS}?accessPolicyVersion=3", {"datasetReference": reference(name), **more})
    return f"{DATASETS}/{name}"


def reference(dataset: str, table: str = "") -> Json:
    made = {"projectId": PROJECT, "datasetId": dataset}
    return {**made, "tableId": table} if table else made


def body(dataset: str, table: str = "t", **more: object) -> Json:
    return {"tableReference": reference(dataset.rpartition("/")[2], table), "schema": {"fields": FIELDS}, **more}


def query(google: Google, sql: str) -> list[list[object]]:
    answer = google.ok("POST", f"{BASE}/queries", {"query": sql, "useLegacySql": False})
    return [[cell["v"] for cell in row["f"]] for row in answer["rows"]]


def reason(google: Google, code: int, verb: str, path: str, document: Json | None = None) -> str:
    answer = google.call(verb, path, document)
    assert answer.status_code == code, answer.text
    told: str = answer.json()["error"]["errors"][0]["reason"]
    return told


def test_a_dataset_reads_back_as_it_was_asked_for(google: Google) -> None:
    asked: Json = {
        "defaultTableExpirationMs": "3600000",
        "description": "d",
        "friendlyName": "f",
        "labels": {"a": "b"},
        "maxTimeTravelHours": "48",
        "isCaseInsensitive": True,
        "storageBillingModel": "PHYSICAL",
    }
    path = make(google, location="eu", **asked)
    shown = google.ok("GET", f"{path}?accessPolicyVersion=3")
    assert shown.items() >= {**asked, "location": "EU"}.items()
    assert shown["selfLink"].endswith(path.removeprefix("/bigquery/bigquery/v2"))
    assert google.ok("GET", f"{path}?accessPolicyVersion=3") == shown
    assert reason(google, 409, "POST", DATASETS, {"datasetReference": shown["datasetReference"]}) == "duplicate"


def test_a_put_takes_away_what_it_does_not_name_and_a_patch_does_not(google: Google) -> None:
    path = make(google, description="d", labels={"a": "b"}, maxTimeTravelHours="48", defaultTableExpirationMs="3600000")
    whole = google.ok("GET", path)
    patched = google.ok("PATCH", path, {"labels": {"c": "d", "a": None}, "friendlyName": "f"})
    assert (patched["labels"], patched["description"], patched["friendlyName"]) == ({"c": "d"}, "d", "f")
    put = google.ok("PUT", path, {"datasetReference": whole["datasetReference"], "access": whole["access"]})
    assert not {"labels", "description", "friendlyName", "defaultTableExpirationMs"} & put.keys()
    assert put["maxTimeTravelHours"] == "168"
    assert put["access"] == whole["access"]
    assert put["etag"] != patched["etag"] != whole["etag"]
    assert reason(google, 400, "PATCH", path, {"location": "europe-west1"}) == "invalid"


def test_a_dataset_that_holds_tables_goes_only_with_its_contents(google: Google, dataset: str) -> None:
    google.ok("POST", f"{dataset}/tables", body(dataset))
    for choice in ("", "?deleteContents=false"):
        assert reason(google, 400, "DELETE", dataset + choice) == "resourceInUse"
    google.ok("GET", f"{dataset}/tables/t")
    google.ok("DELETE", f"{dataset}?deleteContents=true")
    for verb in ("GET", "DELETE"):
        assert reason(google, 404, verb, dataset) == "notFound"


def test_conditions_are_for_callers_that_name_version_3(google: Google, dataset: str) -> None:
    email, condition = google.account(f"reader-{next(NAMES):06}"), {"title": "t", "expression": "true"}
    before = google.ok("GET", dataset)
    entry = {"role": "READER", "userByEmail": email, "condition": condition}
    access = {"access": [*before["access"], entry]}
    assert reason(google, 400, "PATCH", dataset, access) == "invalid"
    google.ok("PATCH", f"{dataset}?accessPolicyVersion=3", access)
    assert entry in google.ok("GET", f"{dataset}?accessPolicyVersion=3")["access"]
    hinted = google.ok("GET", dataset)["access"][-1]
    assert hinted["role"].startswith("roles/bigquery.dataViewer_withcond_")
    assert "condition" not in hinted


def test_a_table_reads_back_as_it_was_asked_for_in_every_view(google: Google, dataset: str) -> None:
    asked: Json = {
        "description": "d",
        "friendlyName": "f",
        "labels": {"x": "y"},
        "timePartitioning": {"type": "DAY", "field": "ts", "expirationMs": "86400000"},
        "clustering": {"fields": ["a"]},
        "expirationTime": FAR,
        "requirePartitionFilter": True,
        "schema": {"fields": FIELDS},
    }
    made = google.ok("POST", f"{dataset}/tables", body(dataset, **asked))
    assert made.items() >= asked.items()
    assert (made["location"], made["type"], made["numRows"]) == ("US", "TABLE", "0")
    for view in ("FULL", "STORAGE_STATS"):
        assert google.ok("GET", f"{dataset}/tables/t?view={view}") == made
    basic = google.ok("GET", f"{dataset}/tables/t?view=BASIC")
    assert "numRows" not in basic
    assert basic.items() <= made.items()
    assert reason(google, 400, "GET", f"{dataset}/tables/t?view=HALF") == "invalid"
    assert reason(google, 409, "POST", f"{dataset}/tables", body(dataset)) == "duplicate"
    assert reason(google, 404, "GET", f"{dataset}/tables/none") == "notFound"
    assert reason(google, 400, "POST", f"{dataset}/tables", body(dataset, "no/name")) == "invalid"


def test_types_are_handed_back_in_bigquerys_spelling(google: Google, dataset: str) -> None:
    inner = [{"name": "b", "type": "bool"}]
    fields = [{"name": "n", "type": "INT64"}, {"name": "s", "type": "STRUCT", "fields": inner}]
    made = google.ok("POST", f"{dataset}/tables", {**body(dataset), "schema": {"fields": fields}})
    number, record = made["schema"]["fields"]
    assert number == {"name": "n", "type": "INTEGER", "mode": "NULLABLE"}
    assert (record["type"], record["fields"]) == ("RECORD", [{"name": "b", "type": "BOOLEAN", "mode": "NULLABLE"}])


def test_a_table_is_updated_in_place_and_takes_new_columns(google: Google, dataset: str) -> None:
    path, name = f"{dataset}/tables/t", dataset.rpartition("/")[2]
    google.ok("POST", f"{dataset}/tables", body(dataset, description="d", labels={"a": "b"}, expirationTime=FAR))
    relaxed = [{**FIELDS[0], "mode": "NULLABLE"}, FIELDS[1], {"name": "n", "type": "INTEGER", "mode": "NULLABLE"}]
    put = google.ok("PUT", path, {**body(dataset, labels={"c": "d"}), "schema": {"fields": relaxed}})
    assert put["schema"]["fields"] == relaxed
    assert put["labels"] == {"c": "d"}
    assert not {"description", "expirationTime"} & put.keys()
    query(google, f"INSERT INTO {name}.t (a, n) VALUES ('x', 7)")
    assert query(google, f"SELECT a, n FROM {name}.t") == [["x", "7"]]
    assert google.ok("GET", path)["numRows"] == "1"
    assert google.ok("PATCH", path, {"expirationTime": FAR})["expirationTime"] == FAR
    assert "expirationTime" not in google.ok("PATCH", path, {"expirationTime": None})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (FIELDS[:1], "Field ts is missing in new schema"),
        ([{**FIELDS[0], "type": "INTEGER"}, FIELDS[1]], "Field a has changed type from STRING to INTEGER"),
        ([FIELDS[0], {**FIELDS[1], "mode": "REQUIRED"}], "Field ts has changed mode from NULLABLE to REQUIRED"),
        ([*FIELDS, {"name": "n", "type": "DATE", "mode": "REQUIRED"}], "Cannot add required fields"),
    ],
)
def test_a_schema_changes_only_as_bigquery_allows(
    google: Google, dataset: str, fields: list[Json], complaint: str
) -> None:
    google.ok("POST", f"{dataset}/tables", body(dataset))
    changed = {**body(dataset), "schema": {"fields": fields}}
    assert complaint in google.refused(400, "INVALID_ARGUMENT", "PUT", f"{dataset}/tables/t", changed)


def test_columns_that_sql_drops_and_adds_are_told(google: Google, dataset: str) -> None:
    google.ok("POST", f"{dataset}/tables", body(dataset))
    # With this statement Terraform drops a column.
    query(google, f"ALTER TABLE `{PROJECT}.{dataset.rpartition('/')[2]}.t` DROP COLUMN `ts`")
    assert google.ok("GET", f"{dataset}/tables/t")["schema"]["fields"] == FIELDS[:1]
    query(google, f"ALTER TABLE {dataset.rpartition('/')[2]}.t ADD COLUMN n INT64")
    added = {"name": "n", "type": "INTEGER", "mode": "NULLABLE"}
    assert google.ok("GET", f"{dataset}/tables/t")["schema"]["fields"] == [FIELDS[0], added]


def test_a_table_takes_its_datasets_expiration_and_is_gone_when_its_time_is_over(google: Google) -> None:
    path = make(google, defaultTableExpirationMs=str(HOUR))
    made = google.ok("POST", f"{path}/tables", body(path))
    assert int(made["expirationTime"]) == int(made["creationTime"]) + HOUR
    binding = {"role": "roles/bigquery.dataViewer", "members": ["user:x@y.z"]}
    google.ok("POST", f"{path}/tables/t:setIamPolicy", {"policy": {"bindings": [binding]}})
    google.ok("PATCH", f"{path}/tables/t", {"expirationTime": str(int(time.time() * 1000))})
    assert reason(google, 404, "GET", f"{path}/tables/t") == "notFound"
    google.ok("POST", f"{path}/tables", body(path))
    assert "bindings" not in google.ok("POST", f"{path}/tables/t:getIamPolicy")


def test_a_view_is_made_read_changed_and_deleted(google: Google, dataset: str) -> None:
    name = dataset.rpartition("/")[2]
    query(google, f"CREATE TABLE {name}.t AS SELECT 5 z")
    view: Json = {"query": f"SELECT z FROM {name}.t", "useLegacySql": False}
    asked = {"tableReference": reference(name, "v"), "view": view}
    made = google.ok("POST", f"{dataset}/tables", asked)
    assert (made["type"], made["view"]) == ("VIEW", view)
    assert query(google, f"SELECT * FROM {name}.v") == [["5"]]
    changed = {**view, "query": f"SELECT z + 1 AS y FROM {name}.t"}
    assert google.ok("PUT", f"{dataset}/tables/v", {**asked, "view": changed})["view"] == changed
    assert query(google, f"SELECT * FROM {name}.v") == [["6"]]
    query(google, f"CREATE VIEW {name}.w AS SELECT z FROM {name}.t")
    for made_by in ("v", "w"):
        google.ok("DELETE", f"{dataset}/tables/{made_by}")
        assert reason(google, 404, "GET", f"{dataset}/tables/{made_by}") == "notFound"
    query(google, f"CREATE VIEW {name}.w AS SELECT z FROM {name}.t")
    materialized = {"tableReference": reference(name, "m"), "materializedView": view}
    assert reason(google, 400, "POST", f"{dataset}/tables", materialized) == "invalid"


def test_a_table_made_again_starts_with_nothing_of_the_old_one(google: Google, dataset: str) -> None:
    google.ok("POST", f"{dataset}/tables", body(dataset, expirationTime=FAR, requirePartitionFilter=True))
    google.ok("DELETE", f"{dataset}/tables/t")
    made = google.ok("POST", f"{dataset}/tables", body(dataset))
    assert not {"expirationTime", "requirePartitionFilter"} & made.keys()


def test_the_client_library_finds_a_stale_tables_etag_out(google: Google, dataset: str) -> None:
    google.ok("POST", f"{dataset}/tables", body(dataset))
    with client(google, ADMIN_TOKEN) as bq:
        mine, other = (bq.get_table(f"{dataset.rpartition('/')[2]}.t") for _ in range(2))
        mine.description = other.description = "changed"
        bq.update_table(mine, ["description"])
        with pytest.raises(PreconditionFailed):
            bq.update_table(other, ["description"])


def test_a_table_takes_no_conditions(google: Google) -> None:
    path = make(google)
    google.ok("POST", f"{path}/tables", body(path))
    condition = {"title": "t", "expression": "true"}
    binding = {"role": "roles/bigquery.dataViewer", "members": ["user:x@y.z"], "condition": condition}
    written = {"policy": {"version": 3, "bindings": [binding]}}
    assert reason(google, 400, "POST", f"{path}/tables/t:setIamPolicy", written) == "invalid"
