"""BigQuery datasets and tables: access lists with etags, metadata, and rows that come in without a query."""

from typing import Any

from local.google.bigquery.answers import precondition_failed
from local.google.bigquery.exchange import Exchange, Json
from local.google.bigquery.references import DATASET, GET_DATA, Scope, TableName
from local.google.dataset_access import default_access, read_entries, resource
from local.google.errors import invalid_argument
from local.google.methods import message
from local.google.policies import same_etag

GET, SET = "bigquery.datasets.getIamPolicy", "bigquery.datasets.setIamPolicy"


def before_insert(call: Exchange) -> None:
    """datasets.insert"""
    call.require_in_project("bigquery.datasets.create")
    name = str(message(call.json(), "datasetReference").get("datasetId", ""))
    if not DATASET.fullmatch(name):
        raise invalid_argument(f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores).')
    read_entries(call.json().get("access", []), call.cloud.documents)


def after_insert(call: Exchange) -> None:
    """datasets.insert: who may do what there, from the start."""
    if call.answer.status != 200:
        return
    answer, asked = call.answer_json(), call.json().get("access")
    dataset = answer["datasetReference"]["datasetId"]
    entries = read_entries(asked, call.cloud.documents) if asked else default_access(call.principal.email)
    call.cloud.datasets.begin(call.project, dataset, entries)
    call.replace_answer(_shown(call, answer))


def before_get(call: Exchange) -> None:
    """datasets.get"""
    _require(call, "get")


def after_get(call: Exchange) -> None:
    """datasets.get, and what datasets.patch and update answer."""
    if call.answer.status == 200:
        call.replace_answer(_shown(call, call.answer_json()))


def before_update(call: Exchange) -> None:
    """datasets.patch and datasets.update; who changes the access list needs the right to grant as well."""
    _require(call, "update")
    _require_match(call)
    asked = call.json().get("access")
    if asked is not None:
        call.require(SET, call.table)
        read_entries(asked, call.cloud.documents)


def after_update(call: Exchange) -> None:
    """datasets.patch and datasets.update"""
    if call.answer.status != 200:
        return
    body = call.json()
    asked = read_entries(body["access"], call.cloud.documents) if body.get("access") is not None else None
    if asked is not None and asked != call.cloud.datasets.entries(call.dataset):
        call.cloud.datasets.replace(call.project, call.path["dataset"], asked)
    elif set(body) - {"access"}:
        call.cloud.datasets.touch(call.dataset)
    after_get(call)


def before_delete(call: Exchange) -> None:
    """datasets.delete"""
    _require(call, "delete")
    _require_match(call)


def after_delete(call: Exchange) -> None:
    """datasets.delete: everything that was granted there goes with it."""
    if call.answer.status in (200, 204):
        call.cloud.datasets.drop(call.project, call.path["dataset"])
        call.cloud.policies.drop_below(call.dataset)


def after_list(call: Exchange) -> None:
    """datasets.list: those of which the caller may know."""
    if call.answer.status == 200:
        answer = call.answer_json()
        known = [item for item in answer.get("datasets", []) if call.holds("bigquery.datasets.get", _named(item))]
        for item in known:
            item.pop("access", None)
            item.pop("etag", None)
        call.replace_answer({**answer, "datasets": known, "totalItems": len(known)})


def before_list_tables(call: Exchange) -> None:
    """tables.list"""
    _require_table(call, "list")


def before_insert_table(call: Exchange) -> None:
    """tables.insert; a view also needs the right to read what it shows."""
    _require_table(call, "create")
    body = call.json()
    view = message(body, "view") or message(body, "materializedView")
    if view:
        call.require_for_sql(str(view.get("query", "")), Scope(call.project))
    if "externalDataConfiguration" in body or "snapshotDefinition" in body or "cloneDefinition" in body:
        raise invalid_argument("External tables, snapshots and clones are not emulated.")


def before_get_table(call: Exchange) -> None:
    """tables.get"""
    _require_table(call, "get")


def before_update_table(call: Exchange) -> None:
    """tables.patch and tables.update"""
    _require_table(call, "update")
    view = message(call.json(), "view") or message(call.json(), "materializedView")
    if view:
        call.require_for_sql(str(view.get("query", "")), Scope(call.project))


def before_delete_table(call: Exchange) -> None:
    """tables.delete"""
    _require_table(call, "delete")


def after_delete_table(call: Exchange) -> None:
    """tables.delete: a table of the same name made later starts with no grants."""
    if call.answer.status in (200, 204):
        call.cloud.policies.drop(f"{call.dataset}/tables/{call.path['table']}")


def before_read_rows(call: Exchange) -> None:
    """tabledata.list"""
    call.entry.resource = _resource(call)
    call.require(GET_DATA, call.table)


def _require(call: Exchange, verb: str) -> None:
    call.entry.resource = _resource(call)
    call.require(f"bigquery.datasets.{verb}", call.table)


def _require_table(call: Exchange, verb: str) -> None:
    call.entry.resource = _resource(call)
    call.require(f"bigquery.tables.{verb}", call.table)


def _require_match(call: Exchange) -> None:
    wanted = call.headers.get("if-match", "*").strip().strip('"')
    if wanted != "*" and not same_etag(wanted, call.cloud.datasets.etag(call.dataset)):
        raise precondition_failed()


def _shown(call: Exchange, answer: Json) -> Json:
    name = _named(answer)
    dataset = resource(name.project, name.dataset)
    shown: dict[str, Any] = {**answer, "etag": call.cloud.datasets.etag(dataset)}
    shown.pop("access", None)
    if call.holds(GET, name):
        shown["access"] = call.cloud.datasets.entries(dataset)
    return shown


def _named(item: Json) -> TableName:
    reference = item["datasetReference"]
    return TableName(reference["projectId"], reference["datasetId"])


def _resource(call: Exchange) -> str:
    return f"{call.dataset}/tables/{call.path['table']}" if "table" in call.path else call.dataset
