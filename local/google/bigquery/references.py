"""What a SQL text touches: the permissions it needs, table by table, as SQLGlot reads it.

Whatever cannot be read with certainty is refused, for an unread reference would be an unchecked one.
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

GET_DATA, UPDATE_DATA = "bigquery.tables.getData", "bigquery.tables.updateData"
PROJECT = re.compile(r"[a-z][a-z0-9:.-]*")
DATASET = re.compile(r"\w{1,1024}", re.ASCII)
TABLE = re.compile(r"[\w $-]{1,1024}|[\w $-]{0,1023}\*", re.ASCII)
METADATA = "INFORMATION_SCHEMA"
TABULAR = ("TABLE", "VIEW")

logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Unreadable(ValueError):
    """SQL of which it cannot be said what it touches."""


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table; with an empty `table`, its whole dataset."""

    project: str
    dataset: str
    table: str = ""

    def __str__(self) -> str:
        """As BigQuery's messages name it."""
        return f"{self.project}:{self.dataset}.{self.table}" if self.table else f"{self.project}:{self.dataset}"


@dataclass(frozen=True, slots=True, order=True)
class Need:
    """A permission that a statement needs on a table."""

    permission: str
    on: TableName


@dataclass(frozen=True, slots=True)
class Scope:
    """How short names are completed: `dataset.table` with the project, a bare `table` with the default dataset."""

    project: str
    default: TableName | None = None


def needs(sql: str, scope: Scope) -> list[Need]:
    """Every permission that `sql` needs."""
    try:
        statements = sqlglot.parse(sql, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        raise Unreadable(f"Syntax error: {str(error).splitlines()[0]}") from error
    found: set[Need] = set()
    for statement in statements:
        if statement is not None:
            found |= set(_statement(statement, scope))
    return sorted(found)


def dropped(sql: str, scope: Scope) -> list[TableName]:
    """The tables that `sql` drops or replaces: what was granted on them goes with them."""
    statements = sqlglot.parse(sql, read="bigquery")
    targets = [
        s for s in statements if isinstance(s, exp.Drop) or (isinstance(s, exp.Create) and s.args.get("replace"))
    ]
    return [_named(_target(statement), scope) for statement in targets]


def altered(sql: str, scope: Scope) -> list[TableName]:
    """The tables whose columns `sql` may change."""
    statements = sqlglot.parse(sql, read="bigquery")
    return [_named(_target(statement), scope) for statement in statements if isinstance(statement, exp.Alter)]


def _statement(statement: exp.Expr, scope: Scope) -> Iterator[Need]:
    target: exp.Table | None = None
    permissions: tuple[str, ...] = ()
    match statement:
        case exp.Query() | exp.Declare() | exp.Set():
            pass
        case exp.Insert():
            target, permissions = _target(statement), (UPDATE_DATA,)
        case exp.Update() | exp.Delete() | exp.Merge():
            target, permissions = _target(statement), (UPDATE_DATA, GET_DATA)
        case exp.TruncateTable():
            target, permissions = statement.expressions[0], (UPDATE_DATA,)
        case exp.Create() if statement.kind in TABULAR and not _unusual(statement):
            target, permissions = _target(statement), ("bigquery.tables.create",)
            if statement.args.get("replace"):
                permissions = (*permissions, "bigquery.tables.update", UPDATE_DATA)
        case exp.Drop() if statement.kind in TABULAR:
            target, permissions = _target(statement), ("bigquery.tables.delete",)
        case exp.Alter() if statement.kind == "TABLE":
            target, permissions = _target(statement), ("bigquery.tables.get", "bigquery.tables.update")
        case _:
            raise Unreadable(f"This kind of statement is not emulated: {statement.sql('bigquery')[:60]}")
    if target is not None:
        # The emulator completes a view's short names with the project of the query that makes it.
        if statement.args.get("kind") == "VIEW" and _named(target, scope).project != scope.project:
            raise Unreadable("A view in another project than the query's is not emulated.")
        yield from (Need(permission, _named(target, scope)) for permission in permissions)
    for table in statement.find_all(exp.Table):
        if table is not target and not _is_cte(table):
            yield _read(table, scope)


def _target(statement: exp.Expr) -> exp.Table:
    target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    if not isinstance(target, exp.Table):
        raise Unreadable("The statement's target is not a table.")
    return target


def _unusual(statement: exp.Create) -> bool:
    """Whether a table is made that lives in a session only, or outside of BigQuery."""
    properties = statement.args.get("properties")
    return properties is not None and properties.find(exp.TemporaryProperty, exp.ExternalProperty) is not None


def _is_cte(table: exp.Table) -> bool:
    """Whether a bare name is that of a WITH clause around it."""
    if table.db or table.catalog or not isinstance(table.this, exp.Identifier):
        return False
    node = table.parent
    while node is not None:
        clause = node.args.get("with_")
        if clause and any(cte.alias == table.name for cte in clause.expressions):
            return True
        node = node.parent
    return False


def _read(table: exp.Table, scope: Scope) -> Need:
    if isinstance(table.this, exp.Identifier) and table.name.upper().startswith(f"{METADATA}."):
        return Need("bigquery.tables.list", _checked(table.catalog or scope.project, table.db, ""))
    name = _named(table, scope)
    # A wildcard may match any table of its dataset, so the right to the dataset is needed.
    return Need(GET_DATA, TableName(name.project, name.dataset) if name.table.endswith("*") else name)


def _named(table: exp.Table, scope: Scope) -> TableName:
    if not isinstance(table.this, exp.Identifier):
        raise Unreadable(f"Table-valued functions are not emulated: {table.sql('bigquery')[:60]}")
    if table.db:
        return _checked(table.catalog or scope.project, table.db, table.name)
    if scope.default is None:
        raise Unreadable(f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).')
    return _checked(scope.default.project, scope.default.dataset, table.name)


def _checked(project: str, dataset: str, table: str) -> TableName:
    if METADATA in (dataset.upper(), table.upper()) or not DATASET.fullmatch(dataset):
        raise Unreadable(f"{project}.{dataset}.{table} cannot be told to be one table.")
    if not PROJECT.fullmatch(project) or not (table == "" or TABLE.fullmatch(table)):
        raise Unreadable(f"{project}.{dataset}.{table} is not a valid table name.")
    return TableName(project, dataset, table)
