"""What the emulator knows of datasets and tables, and what it would forget of them."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

import duckdb
from bqemulator.api.dependencies import AppContext
from bqemulator.api.routes.datasets import _dataset_to_rest
from bqemulator.api.routes.tables import _parse_schema_fields, _table_to_rest
from bqemulator.storage.sql_identifiers import quoted_table_ref
from bqemulator.storage.type_map import bq_schema_to_duckdb_columns, duckdb_type_to_bq_field

from local.google.bigquery.references import TableName

Json = dict[str, Any]
PLACEHOLDER = "__placeholder"  # the emulator's column of a table that has none


class Catalog:
    """A look into the emulator, past its API."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._inserted: dict[tuple[TableName, object], dict[str, float]] = {}
        self._kept: dict[tuple[TableName, object], Json] = {}

    def view_query(self, table: TableName) -> str | None:
        """The query behind a view, "" for a table, and None for what does not exist."""
        meta = self._table(table)
        return None if meta is None else meta.view_query or ""

    def fields(self, table: TableName) -> Mapping[str, Any] | None:
        """The columns of a table by name, and None for what does not exist."""
        meta = self._table(table)
        return None if meta is None else {field.name: field for field in meta.schema_.fields}

    def table(self, table: TableName) -> Json | None:
        """The table as the emulator shows it, and None for what does not exist."""
        meta = self._table(table)
        if meta is None:
            return None
        # The emulator counts the rows that were streamed in or loaded, and no others.
        shown: Json = _table_to_rest(meta)
        if not meta.view_query:
            shown["numRows"] = str(self._read(f"SELECT COUNT(*) FROM {_sql(table)}")[0][0])  # noqa: S608
        return shown

    def dataset(self, name: TableName) -> Json | None:
        """The dataset of a table as the emulator shows it, and None for what does not exist."""
        meta = self._context.catalog.get_dataset(name.project, name.dataset)
        return None if meta is None else _dataset_to_rest(meta)

    def tables(self, name: TableName) -> list[TableName]:
        """The tables of a dataset."""
        metas = self._context.catalog.list_tables(name.project, name.dataset)
        return [TableName(meta.project_id, meta.dataset_id, meta.table_id) for meta in metas]

    def inserted(self, table: TableName) -> dict[str, float]:
        """When which insertId came into a table; one that was made anew starts without any."""
        return self._inserted.setdefault((table, self._made(table)), {})

    def kept(self, name: TableName) -> Json:
        """What is kept of a table, or with no table of a dataset, beside what the emulator keeps."""
        return self._kept.setdefault((name, self._made(name)), {})

    def expired(self, now_ms: int) -> list[TableName]:
        """The tables whose time is over."""
        over = [key for key, kept in self._kept.items() if int(kept.get("expirationTime") or now_ms + 1) <= now_ms]
        return [name for name, made in over if made is not None and made == self._made(name)]

    def add_columns(self, table: TableName, fields: Collection[Json]) -> None:
        """Give a table more columns; the emulator's own update changes only what it tells of the table."""
        if fields:
            for name, kind in bq_schema_to_duckdb_columns(list(fields)):
                self._context.engine.execute(f'ALTER TABLE {_sql(table)} ADD COLUMN "{name}" {kind}')
            self._context.engine.execute(f"ALTER TABLE {_sql(table)} DROP COLUMN IF EXISTS {PLACEHOLDER}")

    def take_over_columns(self, table: TableName) -> None:
        """Tell of a table the columns that SQL has left it with."""
        meta = self._table(table)
        if meta is not None:
            known = self.fields(table) or {}
            rows = self._read(f"DESCRIBE {_sql(table)}")
            fields = [
                known.get(name) or _parse_schema_fields([duckdb_type_to_bq_field(name, kind)])[0]
                for name, kind, *_ in rows
            ]
            schema = meta.schema_.model_copy(update={"fields": tuple(fields)})
            self._context.catalog.update_table(meta.model_copy(update={"schema_": schema}))

    def drop_view(self, table: TableName) -> None:
        """Make way for the emulator's deletion of a view, which drops nothing but tables."""
        if self.view_query(table):
            with suppress(duckdb.CatalogException):  # a view that was made without SQL is a table there
                self._context.engine.execute(f"DROP VIEW IF EXISTS {_sql(table)}")

    def insert_arrow(self, table: TableName, rows: Any) -> None:
        """Fill a table from an Arrow table of the same columns, in no time."""
        connection = self._context.engine.connection
        connection.register("__bqemu_filled", rows)
        # The names are this package's own.
        connection.execute(
            f'INSERT INTO "{table.project}__{table.dataset}"."{table.table}" SELECT * FROM __bqemu_filled'  # noqa: S608
        )
        connection.unregister("__bqemu_filled")

    def _table(self, table: TableName) -> Any:
        return self._context.catalog.get_table(table.project, table.dataset, table.table)

    def _read(self, sql: str) -> list[Any]:
        rows: list[Any] = self._context.engine.execute(sql).fetchall()
        return rows

    def _made(self, name: TableName) -> object:
        catalog = self._context.catalog
        meta = self._table(name) if name.table else catalog.get_dataset(name.project, name.dataset)
        return meta and meta.creation_time


def _sql(table: TableName) -> str:
    """The table's name in the emulator's SQL."""
    name: str = quoted_table_ref(table.project, table.dataset, table.table)
    return name
