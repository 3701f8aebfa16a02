"""What a caller says about a dataset or table: what the emulator is told of it, what is kept beside, what is shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.google.bigquery.references import TableName
from local.google.bigquery.refusals import invalid
from local.google.errors import invalid_argument
from local.google.http.bodies import message
from local.google.http.patch import merged

Json = dict[str, Any]
# What the emulator takes for an update of what it is told, and for a change of nothing else.
CLEARED: Json = {"description": None, "friendlyName": None, "labels": {}}
CLEARED_DATASET: Json = {**CLEARED, "defaultTableExpirationMs": None, "defaultPartitionExpirationMs": None}
CLEARED_TABLE: Json = {**CLEARED, "clustering": {"fields": []}}
KEPT_DATASET = (
    "defaultCollation",
    "defaultEncryptionConfiguration",
    "defaultRoundingMode",
    "isCaseInsensitive",
    "maxTimeTravelHours",
    "resourceTags",
    "storageBillingModel",
)
KEPT_TABLE = (
    "defaultCollation",
    "defaultRoundingMode",
    "encryptionConfiguration",
    "expirationTime",
    "maxStaleness",
    "rangePartitioning",
    "requirePartitionFilter",
    "resourceTags",
    "schema",
    "tableConstraints",
    "view",
)
STANDARD_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
STATISTICS = (
    "numActiveLogicalBytes",
    "numBytes",
    "numLongTermBytes",
    "numLongTermLogicalBytes",
    "numRows",
    "numTotalLogicalBytes",
)
VIEWS = ("TABLE_METADATA_VIEW_UNSPECIFIED", "BASIC", "STORAGE_STATS", "FULL")


def told(verb: str, body: Json, before: Json, cleared: Json) -> Json:
    """The body of an update as the emulator is to have it: PUT takes away what it does not name, PATCH does not."""
    if verb == "PUT":
        return {**cleared, **body, "labels": body.get("labels") or {}}
    if "labels" in body:
        return {**body, "labels": merged(message(before, "labels"), message(body, "labels"))}
    return body


def kept(verb: str, body: Json, before: Mapping[str, Any], fields: Iterable[str]) -> Json:
    """What is kept after a POST, PUT or PATCH of this body."""
    named = {key: body[key] if body[key] != "" else None for key in fields if key in body}
    if verb == "PATCH":
        return merged(before, named)
    lasting = {key: before[key] for key in ("schema", "view") if key in before}
    return merged(lasting, named)


def new_columns(table: TableName, asked: Json, current: Json) -> list[Json]:
    """The columns that an update of the schema adds; 400 for what BigQuery does not do to a schema."""
    wanted = {field["name"]: field for field in columns(asked)}
    for field in columns(current):
        new = wanted.pop(field["name"], None)
        if new is None:
            raise invalid(
                f"Provided Schema does not match Table {table}. Field {field['name']} is missing in new schema"
            )
        for key in ("type", "mode"):
            if new[key] != field[key] and (new[key], field[key]) != ("NULLABLE", "REQUIRED"):
                raise invalid(
                    f"Provided Schema does not match Table {table}. Field {field['name']} has changed {key} from "
                    f"{field[key]} to {new[key]}"
                )
    for field in wanted.values():
        if field["mode"] == "REQUIRED":
            raise invalid(
                f"Provided Schema does not match Table {table}. Cannot add required fields to an existing schema. "
                f"(field: {field['name']})"
            )
    return list(wanted.values())


def columns(schema: Json) -> list[Json]:
    """A schema's columns, spelled as BigQuery hands them back, or 400."""
    fields = schema.get("fields") or []
    if not isinstance(fields, list) or not all(isinstance(f, dict) and f.get("name") for f in fields):
        raise invalid_argument("A schema needs a list of fields with names.")
    return [_column(field) for field in fields]


def _column(field: Json) -> Json:
    kind = str(field.get("type", "STRING")).upper()
    spelled = {**field, "type": STANDARD_TYPES.get(kind, kind), "mode": str(field.get("mode") or "NULLABLE").upper()}
    return {**spelled, "fields": columns(field)} if "fields" in field else spelled


def shown_table(document: Json, beside: Json, location: str, view_query: str) -> Json:
    """The table as BigQuery shows it, from what the emulator tells and what is kept beside that."""
    reference = document["tableReference"]
    path = "projects/{projectId}/datasets/{datasetId}/tables/{tableId}".format(**reference)
    shown = {
        **document,
        **{key: value for key, value in beside.items() if key != "schema"},
        "etag": str(document["etag"]).strip('"'),
        "location": location,
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/{path}",
    }
    if "schema" in document:
        shown["schema"] = {**message(beside, "schema"), "fields": _columns(document, beside)}
    if view_query:
        shown["view"] = {"query": view_query, "useLegacySql": False, **message(beside, "view")}
    if not message(shown, "clustering").get("fields"):
        shown.pop("clustering", None)
    return shown


def _columns(document: Json, beside: Json) -> list[Json]:
    """The columns that there are, each as it was asked for unless SQL has changed it since."""
    asked = {field["name"]: field for field in columns(message(beside, "schema"))}
    there = columns(document["schema"])
    return [asked[f["name"]] if _same(asked.get(f["name"]), f) else f for f in there]


def _same(asked: Json | None, there: Json) -> bool:
    return asked is not None and asked["type"] == there["type"]


def basic(table: Json, view: str) -> Json:
    """The table without its statistics, if the view that was asked for is BASIC, or 400 for none that there is."""
    if view and view not in VIEWS:
        raise invalid_argument(f"Invalid value at 'view': {view!r}.")
    return {key: value for key, value in table.items() if view != "BASIC" or key not in STATISTICS}
