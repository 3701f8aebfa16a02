"""The table that the events example writes to, made as the owner of the data would: with `bq mk`."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from local.clouds import PROJECT
from local.setup import ROOT

DATASET, TABLE = "events", "events"
SCHEMA = ROOT / "functions" / "bigquery_events" / "schema.json"


def make_table(environment: Mapping[str, str]) -> None:
    """Enable BigQuery, make dataset and table; what is there already stays as it is."""
    reference = {"projectId": PROJECT, "datasetId": DATASET}
    schema = {"fields": json.loads(SCHEMA.read_text())}
    datasets = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"
    _post(environment, f"/serviceusage/v1/projects/{PROJECT}/services/bigquery.googleapis.com:enable", {})
    _post(environment, datasets, {"datasetReference": reference})
    table = {"tableReference": {**reference, "tableId": TABLE}, "schema": schema}
    _post(environment, f"{datasets}/{DATASET}/tables", table)


def _post(environment: Mapping[str, str], path: str, body: Mapping[str, Any]) -> None:
    token = environment["GOOGLE_ADMIN_TOKEN"]
    request = urllib.request.Request(  # noqa: S310 -- a loopback address of ours
        environment["GOOGLE_ENDPOINT"] + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
