"""BigQuery datasets: access lists with etags, and metadata."""

import hashlib
import json
from typing import Any

from local.google.bigquery import metadata
from local.google.bigquery.exchange import Exchange, Json
from local.google.bigquery.references import DATASET, TableName
from local.google.bigquery.refusals import exists, in_use, not_found
from local.google.errors import invalid_argument
from local.google.http.bodies import message
from local.google.iam.dataset_access import BASIC, default_access, read_entries, resource

GET, SET = "bigquery.datasets.getIamPolicy", "bigquery.datasets.setIamPolicy"
VERSION = "accessPolicyVersion"
MULTI_REGIONS = ("US", "EU")


def before_insert(call: Exchange) -> None:
    """datasets.insert"""
    call.require_in_project("bigquery.datasets.create")
    name = str(message(call.json(), "datasetReference").get("datasetId", ""))
    if not DATASET.fullmatch(name):
        raise invalid_argument(f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus underscores).')
    _entries(call, call.json().get("access", []))
    location = str(call.json().get("location") or "US")
    call.asked = {**call.json(), "location": location.upper() if location.upper() in MULTI_REGIONS else location}
    if call.emulator.dataset(TableName(call.project, name)) is not None:
        raise exists("Dataset", TableName(call.project, name))
    call.body = json.dumps(call.asked).encode()


def after_insert(call: Exchange) -> None:
    """datasets.insert: who may do what there, from the start."""
    if call.answer.status != 200:
        return
    answer, asked = call.answer_json(), call.json().get("access")
    dataset = answer["datasetReference"]["datasetId"]
    entries = read_entries(asked, call.cloud.documents) if asked else default_access(call.principal.email)
    call.cloud.datasets.begin(call.project, dataset, entries)
    kept = metadata.kept("POST", call.asked, {}, metadata.KEPT_DATASET)
    call.emulator.kept(TableName(call.project, dataset)).update(kept)
    call.replace_answer(_shown(call, answer))


def before_get(call: Exchange) -> None:
    """datasets.get; without the right to see it, the access list is left out, or refused to who asks for it."""
    _require(call, "get")
    if call.query.get("datasetView") in ("ACL", "FULL"):
        call.require(GET, call.table)


def after_get(call: Exchange) -> None:
    """datasets.get, and what datasets.patch and update answer."""
    if call.answer.status == 200:
        call.replace_answer(_shown(call, call.answer_json()))


def before_update(call: Exchange) -> None:
    """datasets.patch and datasets.update; who changes the access list needs the right to grant as well."""
    _require(call, "update")
    call.require_match(call.cloud.datasets.etag(call.dataset))
    call.asked = call.json()
    before = call.emulator.dataset(call.table) or {}
    if str(call.asked.get("location") or before["location"]).lower() != before["location"].lower():
        raise invalid_argument(f"Cannot change the location of dataset {call.table}.")
    if call.asked.get("access") is not None:
        call.require(SET, call.table)
        _entries(call, call.asked["access"])
    told = metadata.told(call.verb, call.asked, before, metadata.CLEARED_DATASET)
    call.body = json.dumps({**told, "location": before["location"]}).encode()


def after_update(call: Exchange) -> None:
    """datasets.patch and datasets.update"""
    if call.answer.status != 200:
        return
    access, kept = call.asked.get("access"), call.emulator.kept(call.table)
    now = metadata.kept(call.verb, call.asked, kept, metadata.KEPT_DATASET)
    kept.clear()
    kept.update(now)
    entries = read_entries(access, call.cloud.documents) if access is not None else None
    if entries is not None and entries != call.cloud.datasets.entries(call.dataset):
        call.cloud.datasets.replace(call.project, call.path["dataset"], entries)
    elif set(call.asked) - {"access"}:
        call.cloud.datasets.touch(call.dataset)
    after_get(call)


def before_delete(call: Exchange) -> None:
    """datasets.delete: with what is in it only when told so."""
    _require(call, "delete")
    call.require_match(call.cloud.datasets.etag(call.dataset))
    if call.query.get("deleteContents", "").lower() != "true" and call.emulator.tables(call.table):
        raise in_use(call.table)


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


def _require(call: Exchange, verb: str) -> None:
    call.entry.resource = call.dataset
    call.require(f"bigquery.datasets.{verb}", call.table)
    if call.emulator.dataset(call.table) is None:
        raise not_found("Dataset", call.table)


def _entries(call: Exchange, asked: Any) -> list[Json]:
    """The access entries that the caller wants, or 400; those with a condition only to who knows of conditions."""
    entries = read_entries(asked, call.cloud.documents)
    if call.query.get(VERSION) != "3" and any(entry.get("condition") for entry in entries):
        raise invalid_argument(f"{VERSION} must be 3 for a dataset with conditional access entries.")
    return entries


def _shown(call: Exchange, answer: Json) -> Json:
    name = _named(answer)
    dataset = resource(name.project, name.dataset)
    shown: dict[str, Any] = {**answer, **call.emulator.kept(name), "etag": call.cloud.datasets.etag(dataset)}
    shown["selfLink"] = f"https://bigquery.googleapis.com/bigquery/v2/{dataset}"
    shown.pop("access", None)
    if call.holds(GET, name):
        conditional = call.query.get(VERSION) == "3"
        shown["access"] = [e if conditional else _hinted(e) for e in call.cloud.datasets.entries(dataset)]
    return shown


def _hinted(entry: Json) -> Json:
    """The entry for a caller that knows of no conditions: one is only hinted at in the role's name."""
    if not entry.get("condition"):
        return entry
    digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:20]
    bare = {key: value for key, value in entry.items() if key != "condition"}
    return {**bare, "role": f"{BASIC.get(entry['role'], entry['role'])}_withcond_{digest}"}


def _named(item: Json) -> TableName:
    reference = item["datasetReference"]
    return TableName(reference["projectId"], reference["datasetId"])
