"""What SQL touches: every table that a statement reads or changes, or a refusal to say."""

import pytest

from local.google.bigquery.references import Need, Scope, TableName, Unreadable, dropped, needs

SCOPE = Scope("proj")
READ, WRITE = "bigquery.tables.getData", "bigquery.tables.updateData"


def found(sql: str, scope: Scope = SCOPE) -> set[str]:
    return {f"{need.permission.rpartition('.')[2]} {need.on}" for need in needs(sql, scope)}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", set()),
        ("SELECT * FROM d.t", {"getData proj:d.t"}),
        ("SELECT * FROM `public-data.samples.plays`", {"getData public-data:samples.plays"}),
        ("SELECT * FROM public-data.samples.plays", {"getData public-data:samples.plays"}),
        ("SELECT * FROM `other`.`d`.`t`", {"getData other:d.t"}),
        ("(SELECT * FROM d.t)", {"getData proj:d.t"}),
        ("SELECT (SELECT MAX(a) FROM e.u) FROM d.t", {"getData proj:d.t", "getData proj:e.u"}),
        ("SELECT 1 FROM d.t WHERE x IN (SELECT y FROM f.v)", {"getData proj:d.t", "getData proj:f.v"}),
        ("SELECT 1 UNION ALL SELECT a FROM d.t", {"getData proj:d.t"}),
        ("SELECT * FROM d.t JOIN e.u USING (a), UNNEST([1])", {"getData proj:d.t", "getData proj:e.u"}),
        ("WITH x AS (SELECT * FROM d.t) SELECT * FROM x", {"getData proj:d.t"}),
        ("FROM d.t |> SELECT a", {"getData proj:d.t"}),
        ("SELECT * FROM d.t FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-01'", {"getData proj:d.t"}),
        ("SELECT * FROM `d.events_*`", {"getData proj:d"}),
        ("SELECT * FROM `d.*`", {"getData proj:d"}),
        ("SELECT * FROM d.INFORMATION_SCHEMA.TABLES", {"list proj:d"}),
        ("INSERT INTO d.t (a) SELECT a FROM e.u", {"updateData proj:d.t", "getData proj:e.u"}),
        ("INSERT d.t VALUES (1)", {"updateData proj:d.t"}),
        ("UPDATE d.t SET a = 1 WHERE true", {"updateData proj:d.t", "getData proj:d.t"}),
        ("DELETE FROM d.t WHERE true", {"updateData proj:d.t", "getData proj:d.t"}),
        (
            "MERGE d.t USING e.u ON t.a = u.a WHEN MATCHED THEN UPDATE SET a = 1",
            {"updateData proj:d.t", "getData proj:d.t", "getData proj:e.u"},
        ),
        ("TRUNCATE TABLE d.t", {"updateData proj:d.t"}),
        ("CREATE TABLE d.t AS SELECT * FROM e.u", {"create proj:d.t", "getData proj:e.u"}),
        ("CREATE OR REPLACE TABLE d.t AS SELECT 1 a", {"create proj:d.t", "update proj:d.t", "updateData proj:d.t"}),
        ("CREATE TABLE d.t COPY e.u", {"create proj:d.t", "getData proj:e.u"}),
        ("CREATE VIEW d.v AS SELECT * FROM e.u", {"create proj:d.v", "getData proj:e.u"}),
        ("DROP TABLE d.t", {"delete proj:d.t"}),
        ("ALTER TABLE d.t ADD COLUMN x INT64", {"get proj:d.t", "update proj:d.t"}),
        ("SELECT 1; DROP TABLE d.t; SELECT * FROM e.u", {"delete proj:d.t", "getData proj:e.u"}),
    ],
)
def test_every_table_is_found(sql: str, expected: set[str]) -> None:
    assert found(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELEC 1",
        "SELECT * FROM t",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM d.my_function(1)",
        "SELECT * FROM ML.PREDICT(MODEL d.m, TABLE d.t)",
        "SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')",
        "SELECT * FROM `/etc/passwd`",
        "SELECT * FROM `/etc/passwd.csv`",
        "SELECT * FROM `region-us`.INFORMATION_SCHEMA.JOBS",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "CALL d.p()",
        "BEGIN SELECT * FROM d.t; END",
        "EXPORT DATA OPTIONS(uri='gs://x/*') AS SELECT 1",
        "CREATE VIEW other.d.v AS SELECT * FROM d.t",
        "CREATE SCHEMA d",
        "DROP SCHEMA d",
        "CREATE FUNCTION d.f(x INT64) AS (x)",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE TEMP FUNCTION f(x INT64) AS (x)",
        "GRANT `roles/bigquery.dataViewer` ON TABLE d.t TO 'user:x'",
        "ATTACH 'file.db'",
        "COPY d.t TO '/tmp/x'",
        "PRAGMA database_list",
        "INSTALL httpfs",
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(sql: str) -> None:
    with pytest.raises(Unreadable):
        needs(sql, SCOPE)


def test_a_cte_hides_its_name_only_where_it_is_in_scope() -> None:
    with pytest.raises(Unreadable, match="must be qualified"):
        needs("SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x), x", SCOPE)


def test_a_correlated_array_is_no_table_and_a_dataset_of_that_name_is_one() -> None:
    assert found("SELECT * FROM d.t AS s, s.arr") == {"getData proj:d.t"}
    assert found("SELECT * FROM d.t, s.arr") == {"getData proj:d.t", "getData proj:s.arr"}


def test_a_default_dataset_completes_bare_names_only() -> None:
    scope = Scope("proj", TableName("other", "def"))
    assert found("SELECT * FROM t, d.u", scope) == {"getData other:def.t", "getData proj:d.u"}


def test_dropped_tables_are_told() -> None:
    sql = "DROP TABLE d.t; CREATE OR REPLACE TABLE d.u AS SELECT 1 a; CREATE TABLE d.v (a INT64)"
    assert dropped(sql, SCOPE) == [TableName("proj", "d", "t"), TableName("proj", "d", "u")]


def test_needs_are_plain_values() -> None:
    assert needs("SELECT * FROM d.t, d.t", SCOPE) == [Need(READ, TableName("proj", "d", "t"))]
    assert needs("TRUNCATE TABLE d.t", SCOPE) == [Need(WRITE, TableName("proj", "d", "t"))]
