"""The table that the events example writes to: made as the owner of the data would with `bq mk`, and read."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from local.clouds import PROJECT
from local.setup import ROOT

DATASET, TABLE = "events", "events"
SCHEMA = ROOT / "functions" / "bigquery_events" / "schema.json"
DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"


def make_table(environment: Mapping[str, str]) -> None:
    """Enable BigQuery, make dataset and table; what is there already stays as it is."""
    reference = {"projectId": PROJECT, "datasetId": DATASET}
    table = {"tableReference": {**reference, "tableId": TABLE}, "schema": {"fields": json.loads(SCHEMA.read_text())}}
    _post(environment, f"/serviceusage/v1/projects/{PROJECT}/services/bigquery.googleapis.com:enable", {})
    _post(environment, DATASETS, {"datasetReference": reference})
    _post(environment, f"{DATASETS}/{DATASET}/tables", table)


def rows(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """What is in the table, oldest first: each row's cells by column, as BigQuery writes them."""
    columns = [column["name"] for column in json.loads(SCHEMA.read_text())]
    answer = _call(environment, f"{DATASETS}/{DATASET}/tables/{TABLE}/data")
    return [dict(zip(columns, (cell["v"] for cell in row["f"]), strict=True)) for row in answer.get("rows", [])]


def _post(environment: Mapping[str, str], path: str, body: Mapping[str, Any]) -> None:
    try:
        _call(environment, path, json.dumps(body).encode())
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise


def _call(environment: Mapping[str, str], path: str, body: bytes | None = None) -> Any:
    token = environment["GOOGLE_ADMIN_TOKEN"]
    request = urllib.request.Request(  # noqa: S310 -- a loopback address of ours
        environment["GOOGLE_ENDPOINT"] + path,
        data=body,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)
