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
    """Make dataset and table; what is there already stays as it is."""
    reference = {"projectId": PROJECT, "datasetId": DATASET}
    _post(environment, "", {"datasetReference": reference})
    schema = {"fields": json.loads(SCHEMA.read_text())}
    _post(environment, f"/{DATASET}/tables", {"tableReference": {**reference, "tableId": TABLE}, "schema": schema})


def _post(environment: Mapping[str, str], path: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 -- a loopback address of ours
        f"{environment['GOOGLE_ENDPOINT']}/bigquery/bigquery/v2/projects/{PROJECT}/datasets{path}",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {environment['GOOGLE_ADMIN_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    try:
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
