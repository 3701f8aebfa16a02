"""BigQuery behind its gate: each grant missing once, and whole; with the real client where its ways matter."""

import gzip
import io
import json
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import BadRequest, Forbidden, NotFound, PreconditionFailed
from google.cloud import bigquery

from tests.local.bigquery_client import BASE, client
from tests.local.google_fixtures import ADMIN_TOKEN, NUMBER, PROJECT, Google, Json, server

QUERIES = f"{BASE}/queries"
SHAKESPEARE = "`bigquery-public-data.samples.shakespeare`"
NAMES = iter(range(10**6))


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    with server(tmp_path_factory.mktemp("google")) as (running, _):
        running.enable_apis()
        yield running


@pytest.fixture
def email(google: Google) -> str:
    """A service account of the test's own."""
    return google.account(f"reader-{next(NAMES):06}")


@pytest.fixture
def token(google: Google, email: str) -> str:
    google.grant_on_account(email, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")
    return google.impersonate(email, ADMIN_TOKEN)


@pytest.fixture
def runner(google: Google, email: str, token: str) -> str:
    """The token of an account that may run jobs."""
    google.grant("roles/bigquery.jobUser", f"serviceAccount:{email}")
    return token


@pytest.fixture
def dataset(google: Google) -> str:
    """A dataset of the test's own with a table t of three rows, and a view v of it."""
    name = f"d{next(NAMES)}"
    google.ok("POST", f"{BASE}/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": name}})
    run(google, f"CREATE TABLE {name}.t AS SELECT a FROM UNNEST([1, 2, 3]) a")
    run(google, f"CREATE VIEW {name}.v AS SELECT a FROM {name}.t WHERE a > 1")
    return name


def run(google: Google, sql: str, token: str = ADMIN_TOKEN) -> list[list[object]]:
    answer = google.ok("POST", QUERIES, {"query": sql, "useLegacySql": False}, token=token)
    return [[cell["v"] for cell in row["f"]] for row in answer["rows"]]


def denied(google: Google, sql: str, token: str) -> str:
    return google.refused(403, "PERMISSION_DENIED", "POST", QUERIES, {"query": sql, "useLegacySql": False}, token=token)


def share(google: Google, dataset: str, entry: Json) -> Json:
    path = f"{BASE}/datasets/{dataset}?accessPolicyVersion=3"
    before = google.ok("GET", path)
    return google.ok("PATCH", path, {"access": [*before["access"], entry]}, if_match=before["etag"])


def test_the_articles_query_gives_rows_to_whoever_may_run_jobs(google: Google, runner: str) -> None:
    sql = f"SELECT corpus, COUNT(DISTINCT word) n FROM {SHAKESPEARE} GROUP BY corpus ORDER BY n DESC LIMIT 3"
    assert run(google, sql, runner) == [["hamlet", "5233"], ["henryv", "5046"], ["cymbeline", "4824"]]


def test_the_client_library_queries_in_both_its_ways(google: Google, runner: str) -> None:
    with client(google, runner) as bq:
        sql = f"SELECT corpus, word_count FROM {SHAKESPEARE} WHERE word = @word ORDER BY 2 DESC LIMIT 1"
        config = bigquery.QueryJobConfig(query_parameters=[bigquery.ScalarQueryParameter("word", "STRING", "love")])
        expected = [("twogentlemenofverona", 148)]
        assert [tuple(row) for row in bq.query_and_wait(sql, job_config=config)] == expected
        assert [tuple(row) for row in bq.query(sql, job_config=config).result()] == expected


def test_a_large_result_comes_in_pages(google: Google, runner: str) -> None:
    with client(google, runner) as bq:
        rows = bq.query_and_wait(f"SELECT word FROM {SHAKESPEARE}", page_size=50000)
        assert sum(1 for _ in rows) == rows.total_rows > 100_000


def test_without_job_user_the_refusal_is_bigquerys(google: Google, token: str) -> None:
    answer = google.call("POST", QUERIES, {"query": f"SELECT * FROM {SHAKESPEARE}"}, token=token)
    error = answer.json()["error"]
    message = (
        f"Access Denied: Project {PROJECT}: User does not have bigquery.jobs.create permission in project {PROJECT}."
    )
    assert (answer.status_code, error["message"]) == (403, message)
    assert error["errors"] == [{"message": message, "domain": "global", "reason": "accessDenied"}]


def test_without_a_grant_on_the_dataset_its_tables_cannot_be_queried(google: Google, runner: str, dataset: str) -> None:
    message = denied(google, f"SELECT * FROM {dataset}.t", runner)
    table = f"{PROJECT}:{dataset}.t"
    assert message.startswith(f"Access Denied: Table {table}: User does not have permission to query table {table}")
    denied(google, f"SELECT 1 FROM {SHAKESPEARE}, {dataset}.t", runner)
    denied(google, f"SELECT (SELECT MAX(a) FROM {dataset}.t)", runner)
    denied(google, f"SELECT * FROM {dataset}.INFORMATION_SCHEMA.TABLES", runner)
    denied(google, f"SELECT * FROM `{dataset}.*`", runner)


def test_a_garbage_token_is_told_so_in_bigquerys_shape(google: Google) -> None:
    answer = google.call("POST", QUERIES, {"query": "SELECT 1"}, token="garbage")
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["status"] == "UNAUTHENTICATED"
    assert error["errors"][0]["reason"] == "authError"


@pytest.mark.parametrize(
    "entry",
    [
        {"role": "READER", "userByEmail": "{email}"},
        {"role": "roles/bigquery.dataViewer", "iamMember": "serviceAccount:{email}"},
        {"role": "READER", "specialGroup": "allAuthenticatedUsers"},
        {"role": "WRITER", "userByEmail": "{email}"},
    ],
)
def test_an_access_entry_lets_its_member_read(
    google: Google, email: str, runner: str, dataset: str, entry: Json
) -> None:
    share(google, dataset, {key: value.format(email=email) for key, value in entry.items()})
    assert run(google, f"SELECT SUM(a) FROM {dataset}.t", runner) == [["6"]]


@pytest.mark.parametrize("role", ["roles/bigquery.dataViewer", "roles/bigquery.dataEditor"])
def test_a_role_on_the_project_reaches_every_dataset(
    google: Google, email: str, runner: str, dataset: str, role: str
) -> None:
    google.grant(role, f"serviceAccount:{email}")
    assert run(google, f"SELECT SUM(a) FROM {dataset}.t", runner) == [["6"]]


def test_a_policy_on_one_table_opens_just_that_table(google: Google, email: str, runner: str, dataset: str) -> None:
    run(google, f"CREATE TABLE {dataset}.u AS SELECT 1 a")
    path = f"{BASE}/datasets/{dataset}/tables/t"
    binding = {"role": "roles/bigquery.dataViewer", "members": [f"serviceAccount:{email}"]}
    google.ok("POST", f"{path}:setIamPolicy", {"policy": {"bindings": [binding]}})
    assert google.ok("POST", f"{path}:getIamPolicy")["bindings"] == [binding]
    assert run(google, f"SELECT SUM(a) FROM {dataset}.t", runner) == [["6"]]
    denied(google, f"SELECT * FROM {dataset}.u", runner)
    # A table of the same name that is made anew starts without the grant.
    run(google, f"CREATE OR REPLACE TABLE {dataset}.t AS SELECT 1 a")
    denied(google, f"SELECT * FROM {dataset}.t", runner)


def test_a_tables_policy_is_refused_in_bigquerys_words_and_hides_what_exists(
    google: Google, token: str, dataset: str
) -> None:
    for table, verb in (("t", "getIamPolicy"), ("none", "getIamPolicy"), ("t", "setIamPolicy")):
        path = f"{BASE}/datasets/{dataset}/tables/{table}:{verb}"
        error = google.call("POST", path, {"policy": {}}, token=token).json()["error"]
        assert error["errors"][0]["reason"] == "accessDenied"
        assert f"Permission bigquery.tables.{verb} denied on table {PROJECT}:{dataset}.{table}" in error["message"]
    google.refused(404, "NOT_FOUND", "POST", f"{BASE}/datasets/{dataset}/tables/none:getIamPolicy")
    asked = {"permissions": ["bigquery.tables.getData", "bigquery.tables.delete"]}
    path = f"{BASE}/datasets/{dataset}/tables/t:testIamPermissions"
    assert google.ok("POST", path, asked, token=token) == {}
    assert google.ok("POST", path, asked) == asked


def test_a_tables_policy_takes_no_conditions(google: Google, email: str, dataset: str) -> None:
    binding = {"role": "roles/bigquery.dataViewer", "members": [f"serviceAccount:{email}"]}
    bounded = {**binding, "condition": {"title": "one", "expression": "true"}}
    path = f"{BASE}/datasets/{dataset}/tables/t"
    google.refused(
        400,
        "INVALID_ARGUMENT",
        "POST",
        f"{path}:setIamPolicy",
        {"policy": {"version": 3, "bindings": [bounded]}},
    )
    assert "bindings" not in google.ok("POST", f"{path}:getIamPolicy")


def test_a_reader_may_not_write(google: Google, email: str, runner: str, dataset: str) -> None:
    share(google, dataset, {"role": "READER", "userByEmail": email})
    for sql in (
        f"INSERT INTO {dataset}.t VALUES (4)",
        f"UPDATE {dataset}.t SET a = 0 WHERE true",
        f"DELETE FROM {dataset}.t WHERE true",
        f"TRUNCATE TABLE {dataset}.t",
        f"CREATE OR REPLACE TABLE {dataset}.t AS SELECT 1 a",
        f"CREATE TABLE {dataset}.w AS SELECT 1 a",
        f"DROP TABLE {dataset}.t",
        f"ALTER TABLE {dataset}.t ADD COLUMN b INT64",
        f"SELECT 1; DROP TABLE {dataset}.t",
    ):
        denied(google, sql, runner)
    tables = f"{BASE}/datasets/{dataset}/tables"
    rows = {"rows": [{"json": {"a": 4}}]}
    google.refused(403, "PERMISSION_DENIED", "POST", f"{tables}/t/insertAll", rows, token=runner)
    google.refused(403, "PERMISSION_DENIED", "DELETE", f"{tables}/t", token=runner)
    google.refused(403, "PERMISSION_DENIED", "PATCH", f"{tables}/t", {"description": "x"}, token=runner)
    google.refused(403, "PERMISSION_DENIED", "POST", tables, {"tableReference": {"tableId": "w"}}, token=runner)
    assert run(google, f"SELECT SUM(a) FROM {dataset}.t") == [["6"]]


def test_an_editor_writes_by_every_way(google: Google, email: str, runner: str, dataset: str) -> None:
    share(google, dataset, {"role": "roles/bigquery.dataEditor", "userByEmail": email})
    run(google, f"INSERT INTO {dataset}.t VALUES (4)", runner)
    with client(google, runner) as bq:
        assert bq.insert_rows_json(f"{PROJECT}.{dataset}.t", [{"a": 5}]) == []
        config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("a", "INTEGER")])
        assert bq.load_table_from_json([{"a": 6}], f"{PROJECT}.{dataset}.loaded", job_config=config).result()
        config.source_format = "NEWLINE_DELIMITED_JSON"
        lines = io.BytesIO(b'{"a": 7}\n')
        assert bq.load_table_from_file(lines, f"{PROJECT}.{dataset}.loaded", job_config=config).result()
        assert {row[0] for row in bq.list_rows(f"{PROJECT}.{dataset}.loaded")} == {6, 7}
    assert run(google, f"SELECT SUM(a) FROM {dataset}.t", runner) == [["15"]]


def test_a_load_needs_the_right_to_its_destination(google: Google, runner: str, dataset: str) -> None:
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField("a", "INTEGER")])
    with client(google, runner) as bq:
        with pytest.raises(Forbidden):
            bq.load_table_from_json([{"a": 6}], f"{PROJECT}.{dataset}.loaded", job_config=config)
        with pytest.raises(Forbidden):
            bq.query("SELECT 1 a", job_config=bigquery.QueryJobConfig(destination=f"{PROJECT}.{dataset}.t"))
        with pytest.raises(Forbidden):
            bq.copy_table(f"{PROJECT}.{dataset}.t", f"{PROJECT}.{dataset}.copied")


@pytest.mark.parametrize("kind", ["load", "extract"])
def test_no_job_reaches_the_machines_files(google: Google, dataset: str, kind: str, tmp_path: object) -> None:
    table = {"projectId": PROJECT, "datasetId": dataset, "tableId": "t"}
    bodies = {
        "load": {"sourceUris": ["file:///etc/passwd"], "destinationTable": table, "sourceFormat": "CSV"},
        "extract": {"destinationUris": [f"file://{tmp_path}/out"], "sourceTable": table},
    }
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{BASE}/jobs", {"configuration": {kind: bodies[kind]}})


def test_no_query_reaches_the_machines_files(google: Google) -> None:
    for sql in ("SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM `/etc/passwd`"):
        google.refused(400, "INVALID_ARGUMENT", "POST", QUERIES, {"query": sql})


def test_a_view_shows_nothing_that_its_reader_may_not_read(
    google: Google, email: str, runner: str, dataset: str
) -> None:
    shop = f"d{next(NAMES)}"
    google.ok("POST", f"{BASE}/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": shop}})
    run(google, f"CREATE VIEW {shop}.v AS SELECT a FROM {dataset}.t")
    share(google, shop, {"role": "READER", "userByEmail": email})
    assert f"{PROJECT}:{dataset}.t" in denied(google, f"SELECT * FROM {shop}.v", runner)
    share(google, dataset, {"role": "READER", "userByEmail": email})
    assert run(google, f"SELECT SUM(a) FROM {shop}.v", runner) == [["6"]]


def test_results_belong_to_whoever_ran_the_job(google: Google, email: str, runner: str, dataset: str) -> None:
    made = google.ok("POST", QUERIES, {"query": f"SELECT * FROM {dataset}.t"})
    job = made["jobReference"]["jobId"]
    google.ok("GET", f"{QUERIES}/{job}")
    google.refused(403, "PERMISSION_DENIED", "GET", f"{QUERIES}/{job}", token=runner)
    google.refused(403, "PERMISSION_DENIED", "GET", f"{BASE}/jobs/{job}", token=runner)
    google.refused(403, "PERMISSION_DENIED", "GET", f"{BASE}/jobs", token=runner)
    body = {"jobReference": {"jobId": job}, "configuration": {"query": {"query": "SELECT 1"}}}
    google.refused(409, "ALREADY_EXISTS", "POST", f"{BASE}/jobs", body, token=runner)


def test_a_failed_query_is_an_error_and_not_an_empty_result(google: Google, runner: str) -> None:
    with client(google, runner) as bq:
        for sql in ("SELECT no_such_function(1)", "SELEC 1", "SELECT 1 / 0"):
            with pytest.raises(BadRequest):
                bq.query_and_wait(sql, retry=None, job_retry=None)


def test_a_missing_table_is_not_found_by_who_may_know(google: Google, dataset: str) -> None:
    with client(google, ADMIN_TOKEN) as bq, pytest.raises(NotFound):
        bq.query_and_wait(f"SELECT * FROM {dataset}.none", retry=None, job_retry=None)


@pytest.mark.parametrize("name", ["with-dash", "with.dot", "", "a/b"])
def test_dataset_ids_that_google_refuses_are_refused(google: Google, name: str) -> None:
    body = {"datasetReference": {"projectId": PROJECT, "datasetId": name}}
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{BASE}/datasets", body)


def test_the_same_dataset_twice_is_refused_and_keeps_its_access(google: Google, email: str, dataset: str) -> None:
    share(google, dataset, {"role": "READER", "userByEmail": email})
    before = google.ok("GET", f"{BASE}/datasets/{dataset}")
    body = {"datasetReference": {"projectId": PROJECT, "datasetId": dataset}}
    google.refused(409, "ALREADY_EXISTS", "POST", f"{BASE}/datasets", body)
    assert google.ok("GET", f"{BASE}/datasets/{dataset}") == before


@pytest.mark.parametrize(
    "body",
    [
        {"configuration": "text"},
        {"configuration": {"query": "SELECT 1"}},
        {"configuration": {"load": ["text"]}},
        {"configuration": {"query": {"query": "SELECT 1"}, "load": {}}},
        {"configuration": {}},
    ],
)
def test_a_job_of_another_shape_is_refused(google: Google, body: Json) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{BASE}/jobs", body)


def test_a_default_dataset_completes_names(google: Google, dataset: str) -> None:
    with client(google, ADMIN_TOKEN) as bq:
        config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{dataset}")
        assert [tuple(row) for row in bq.query_and_wait("SELECT SUM(a) FROM t", job_config=config)] == [(6,)]


def test_a_default_dataset_elsewhere_does_not_hide_what_is_read(google: Google, runner: str, dataset: str) -> None:
    default = {"projectId": "bigquery-public-data", "datasetId": "samples"}
    body = {"query": f"SELECT * FROM {dataset}.t", "defaultDataset": default}
    google.refused(403, "PERMISSION_DENIED", "POST", QUERIES, body, token=runner)


def test_session_user_is_the_caller(google: Google, email: str, runner: str) -> None:
    assert run(google, "SELECT SESSION_USER()", runner) == [[email]]


def test_nobody_becomes_another_by_a_header(google: Google, email: str, runner: str) -> None:
    answer = google.ok("POST", QUERIES, {"query": "SELECT SESSION_USER()"}, token=runner, x_bqemu_caller="user:x@y.z")
    assert answer["rows"][0]["f"][0]["v"] == email


def test_a_basic_role_comes_back_for_the_iam_role(google: Google, email: str, dataset: str) -> None:
    answer = share(google, dataset, {"role": "roles/bigquery.dataViewer", "iamMember": f"serviceAccount:{email}"})
    assert {"role": "READER", "userByEmail": email} in answer["access"]


def test_an_etag_is_stable_until_something_changes(google: Google, email: str, dataset: str) -> None:
    path = f"{BASE}/datasets/{dataset}"
    first = google.ok("GET", path)
    assert google.ok("GET", path) == first
    google.ok("PATCH", path, {"access": first["access"]}, if_match=first["etag"])
    assert google.ok("GET", path)["etag"] == first["etag"]
    share(google, dataset, {"role": "READER", "userByEmail": email})
    assert google.ok("GET", path)["etag"] != first["etag"]
    google.refused(412, "FAILED_PRECONDITION", "PATCH", path, {"access": []}, if_match=first["etag"])
    google.refused(412, "FAILED_PRECONDITION", "DELETE", path, if_match=first["etag"])


def test_the_client_library_finds_a_stale_etag_out(google: Google, email: str, dataset: str) -> None:
    with client(google, ADMIN_TOKEN) as bq:
        mine, other = bq.get_dataset(dataset), bq.get_dataset(dataset)
        entry = bigquery.AccessEntry("READER", "userByEmail", email)
        mine.access_entries = [*mine.access_entries, entry]
        bq.update_dataset(mine, ["access_entries"])
        with pytest.raises(PreconditionFailed):
            bq.update_dataset(other, ["access_entries"])


def test_views_routines_and_conditions_in_an_access_list_are_kept(google: Google, email: str, dataset: str) -> None:
    view = {"view": {"projectId": PROJECT, "datasetId": "elsewhere", "tableId": "v"}}
    condition = {"title": "some", "expression": "resource.name.startsWith('x')"}
    bounded = {"role": "READER", "userByEmail": email, "condition": condition}
    share(google, dataset, view)
    entries = share(google, dataset, bounded)["access"]
    assert view in entries
    assert bounded in entries


def test_a_condition_that_does_not_hold_gives_nothing(google: Google, email: str, runner: str, dataset: str) -> None:
    condition = {"title": "never", "expression": "resource.name.startsWith('elsewhere')"}
    share(google, dataset, {"role": "READER", "userByEmail": email, "condition": condition})
    denied(google, f"SELECT * FROM {dataset}.t", runner)


@pytest.mark.parametrize(
    "entry",
    [
        {"role": "READER", "userByEmail": f"nobody@{PROJECT}.iam.gserviceaccount.com"},
        {"role": "READER", "iamMember": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/none/*"},
        {"role": "roles/none", "userByEmail": "user@example.com"},
        {"role": "READER"},
    ],
)  # fmt: skip
def test_access_entries_that_google_refuses_are_refused(google: Google, dataset: str, entry: Json) -> None:
    google.refused(400, "INVALID_ARGUMENT", "PATCH", f"{BASE}/datasets/{dataset}", {"access": [entry]})


def test_a_deleted_account_leaves_its_entry_and_not_its_right(
    google: Google, email: str, runner: str, dataset: str
) -> None:
    share(google, dataset, {"role": "READER", "userByEmail": email})
    account = f"/iam/v1/projects/{PROJECT}/serviceAccounts/{email}"
    unique_id = google.ok("GET", account)["uniqueId"]
    google.ok("DELETE", account)
    entries = google.ok("GET", f"{BASE}/datasets/{dataset}")["access"]
    assert {"role": "READER", "iamMember": f"deleted:serviceAccount:{email}?uid={unique_id}"} in entries
    google.refused(401, "UNAUTHENTICATED", "POST", QUERIES, {"query": f"SELECT * FROM {dataset}.t"}, token=runner)
    google.account(email.partition("@")[0])
    google.grant_on_account(email, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")
    google.grant("roles/bigquery.jobUser", f"serviceAccount:{email}")
    denied(google, f"SELECT * FROM {dataset}.t", google.impersonate(email, ADMIN_TOKEN))


def test_changing_an_access_list_needs_the_right_to_grant(google: Google, email: str, token: str, dataset: str) -> None:
    permissions = ["bigquery.datasets.get", "bigquery.datasets.update"]
    role = f"custom{next(NAMES)}"
    roles = f"/iam/v1/projects/{PROJECT}/roles"
    google.ok("POST", roles, {"roleId": role, "role": {"includedPermissions": permissions}})
    google.grant(f"projects/{PROJECT}/roles/{role}", f"serviceAccount:{email}")
    path = f"{BASE}/datasets/{dataset}"
    assert "access" not in google.ok("GET", path, token=token)
    google.ok("PATCH", path, {"description": "mine"}, token=token)
    google.refused(403, "PERMISSION_DENIED", "PATCH", path, {"access": []}, token=token)
    more = ["bigquery.datasets.getIamPolicy", "bigquery.datasets.setIamPolicy"]
    google.ok("PATCH", f"{roles}/{role}?updateMask=includedPermissions", {"includedPermissions": permissions + more})
    access = google.ok("GET", path, token=token)["access"]
    google.ok("PATCH", path, {"access": access}, token=token)


def test_lists_hold_what_the_caller_may_know(google: Google, email: str, token: str, dataset: str) -> None:

    def listed() -> list[str]:
        answer = google.ok("GET", f"{BASE}/datasets", token=token)["datasets"]
        return [item["datasetReference"]["datasetId"] for item in answer]

    assert dataset not in listed()
    google.refused(403, "PERMISSION_DENIED", "GET", f"{BASE}/datasets/{dataset}", token=token)
    google.refused(403, "PERMISSION_DENIED", "GET", f"{BASE}/datasets/{dataset}/tables", token=token)
    share(google, dataset, {"role": "READER", "userByEmail": email})
    assert dataset in listed()
    tables = google.ok("GET", f"{BASE}/datasets/{dataset}/tables", token=token)["tables"]
    assert {table["tableReference"]["tableId"] for table in tables} == {"t", "v"}


def test_a_dataset_made_again_starts_with_its_own_access(google: Google, email: str, runner: str, dataset: str) -> None:
    share(google, dataset, {"role": "READER", "userByEmail": email})
    binding = {"role": "roles/bigquery.dataViewer", "members": [f"serviceAccount:{email}"]}
    google.ok("POST", f"{BASE}/datasets/{dataset}/tables/t:setIamPolicy", {"policy": {"bindings": [binding]}})
    google.call("DELETE", f"{BASE}/datasets/{dataset}?deleteContents=true")
    google.ok("POST", f"{BASE}/datasets", {"datasetReference": {"projectId": PROJECT, "datasetId": dataset}})
    run(google, f"CREATE TABLE {dataset}.t AS SELECT 1 a")
    denied(google, f"SELECT * FROM {dataset}.t", runner)


def test_the_projects_number_stands_for_its_id(google: Google, dataset: str) -> None:
    assert google.ok("GET", f"{BASE.replace(PROJECT, NUMBER)}/datasets/{dataset}")["id"] == f"{PROJECT}:{dataset}"


def test_another_project_runs_nothing(google: Google, runner: str) -> None:
    for project in ("none", "bigquery-public-data"):
        path = QUERIES.replace(PROJECT, project)
        google.refused(403, "PERMISSION_DENIED", "POST", path, {"query": "SELECT 1"}, token=runner)


def test_a_gzipped_body_is_read_before_it_is_checked(google: Google, runner: str, dataset: str) -> None:
    headers = {"authorization": f"Bearer {runner}", "content-encoding": "gzip", "content-type": "application/json"}
    body = gzip.compress(json.dumps({"query": f"SELECT * FROM {dataset}.t"}).encode())
    assert google.http.post(QUERIES, content=body, headers=headers).status_code == 403
    body = gzip.compress(json.dumps({"query": "SELECT 1"}).encode())
    assert google.http.post(QUERIES, content=body, headers=headers).status_code == 200
    assert google.http.post(QUERIES, content=b"garbage", headers=headers).status_code == 400


@pytest.mark.parametrize("path", ["/routines", "/tables/t/rowAccessPolicies", "/models"])
def test_what_the_gate_does_not_check_does_not_exist(google: Google, dataset: str, path: str) -> None:
    google.refused(404, "NOT_FOUND", "GET", f"{BASE}/datasets/{dataset}{path}")


@pytest.mark.parametrize(
    "path", ["/bigquery/docs", "/bigquery/metrics", "/bigquery/openapi.json", "/docs", "/healthz/"]
)
def test_nothing_of_the_emulator_itself_can_be_reached(google: Google, path: str) -> None:
    google.refused(404, "NOT_FOUND", "GET", path)


def test_an_api_that_is_not_enabled_says_so(google: Google) -> None:
    service = f"/serviceusage/v1/projects/{PROJECT}/services/bigquery.googleapis.com"
    google.ok("POST", f"{service}:disable", {})
    try:
        error = google.call("POST", QUERIES, {"query": "SELECT 1"}).json()["error"]
        assert error["errors"][0]["reason"] == "accessNotConfigured"
        assert error["details"][1]["reason"] == "SERVICE_DISABLED"
    finally:
        google.ok("POST", f"{service}:enable", {})


def test_the_audit_log_names_account_and_job(google: Google, email: str, runner: str) -> None:
    job = google.ok("POST", QUERIES, {"query": "SELECT 1"}, token=runner)["jobReference"]["jobId"]
    entry = google.audit()[-1]
    assert entry["method"] == "google.cloud.bigquery.v2.JobService.Query"
    assert (entry["principal"], entry["resource"]) == (email, f"projects/{PROJECT}/jobs/{job}")
