"""BigQuery tables: made, read, changed and deleted as BigQuery does it, which the emulator does in part."""

import json
import time

from local.google.bigquery import metadata
from local.google.bigquery.exchange import Exchange, Json
from local.google.bigquery.references import GET_DATA, TABLE, Scope, TableName
from local.google.bigquery.refusals import exists, not_found
from local.google.errors import invalid_argument
from local.google.http.bodies import message

NOT_EMULATED = ("externalDataConfiguration", "snapshotDefinition", "cloneDefinition", "materializedView")


def before_list(call: Exchange) -> None:
    """tables.list"""
    _require(call, "list")
    _require_dataset(call)


def before_insert(call: Exchange) -> None:
    """tables.insert; a view also needs the right to read what it shows."""
    _require(call, "create")
    body, name = call.json(), _asked(call)
    if any(key in body for key in NOT_EMULATED):
        raise invalid_argument("External tables, snapshots, clones and materialized views are not emulated.")
    _require_view(call, body)
    _require_dataset(call)
    if not TABLE.fullmatch(name.table) or name.table.endswith("*"):
        raise invalid_argument(f'Invalid table ID "{name.table}".')
    if call.emulator.table(name) is not None:
        raise exists("Table", name)
    metadata.columns(message(body, "schema"))


def after_insert(call: Exchange) -> None:
    """tables.insert: without an expiration of its own a table takes its dataset's default."""
    if call.answer.status == 200:
        body, name = call.json(), _asked(call)
        default = (call.emulator.dataset(name) or {}).get("defaultTableExpirationMs")
        if default and not body.get("expirationTime"):
            body["expirationTime"] = str(int(call.answer_json()["creationTime"]) + int(default))
        call.emulator.kept(name).update(metadata.kept("POST", body, {}, metadata.KEPT_TABLE))
        call.replace_answer(_shown(call, name))


def before_get(call: Exchange) -> None:
    """tables.get"""
    _require(call, "get")
    _existing(call)
    metadata.basic({}, call.query.get("view", ""))


def after_get(call: Exchange) -> None:
    """tables.get"""
    if call.answer.status == 200:
        call.replace_answer(metadata.basic(_shown(call, call.table), call.query.get("view", "")))


def before_update(call: Exchange) -> None:
    """tables.patch and tables.update"""
    _require(call, "update")
    current, body = _existing(call), call.json()
    _require_view(call, body)
    call.require_match(current["etag"])
    if "schema" in body:
        call.added = metadata.new_columns(call.table, message(body, "schema"), message(current, "schema"))
    call.asked = body
    call.body = json.dumps(metadata.told(call.verb, body, current, metadata.CLEARED_TABLE)).encode()


def after_update(call: Exchange) -> None:
    """tables.patch and tables.update: new columns are there to be written to."""
    if call.answer.status == 200:
        kept = call.emulator.kept(call.table)
        now = metadata.kept(call.verb, call.asked, kept, metadata.KEPT_TABLE)
        kept.clear()
        kept.update(now)
        call.emulator.add_columns(call.table, call.added)
        call.replace_answer(_shown(call, call.table))


def before_delete(call: Exchange) -> None:
    """tables.delete"""
    _require(call, "delete")
    call.require_match(_existing(call)["etag"])
    call.emulator.drop_view(call.table)


def after_delete(call: Exchange) -> None:
    """tables.delete: a table of the same name made later starts with no grants."""
    if call.answer.status in (200, 204):
        call.cloud.policies.drop(f"{call.dataset}/tables/{call.path['table']}")


def before_read_rows(call: Exchange) -> None:
    """tabledata.list"""
    call.entry.resource = _resource(call)
    call.require(GET_DATA, call.table)


async def drop_expired(call: Exchange) -> None:
    """Delete the tables whose time is over, with what was granted on them."""
    for name in call.emulator.expired(int(time.time() * 1000)):
        path = f"projects/{name.project}/datasets/{name.dataset}/tables/{name.table}"
        await call.emulator.send("DELETE", f"/bigquery/v2/{path}")
        call.cloud.policies.drop(path)


def _require(call: Exchange, verb: str) -> None:
    call.entry.resource = _resource(call)
    call.require(f"bigquery.tables.{verb}", call.table)


def _require_view(call: Exchange, body: Json) -> None:
    view = message(body, "view")
    if view:
        call.require_for_sql(str(view.get("query", "")), Scope(call.project))


def _require_dataset(call: Exchange) -> None:
    if call.emulator.dataset(call.table) is None:
        raise not_found("Dataset", TableName(call.project, call.path["dataset"]))


def _existing(call: Exchange) -> Json:
    """The table in the path as it is shown, or 404."""
    if call.emulator.table(call.table) is None:
        _require_dataset(call)
        raise not_found("Table", call.table)
    return _shown(call, call.table)


def _asked(call: Exchange) -> TableName:
    """The table that the body is about."""
    reference = message(call.json(), "tableReference")
    return TableName(call.project, call.path["dataset"], str(reference.get("tableId", "")))


def _shown(call: Exchange, name: TableName) -> Json:
    catalog = call.emulator
    location = str((catalog.dataset(name) or {}).get("location", "US"))
    return metadata.shown_table(catalog.table(name) or {}, catalog.kept(name), location, catalog.view_query(name) or "")


def _resource(call: Exchange) -> str:
    return f"{call.dataset}/tables/{call.path['table']}" if "table" in call.path else call.dataset
