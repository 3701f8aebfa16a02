"""The local Google in this process, without a socket: what it holds can be looked at, and a new one takes no time."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from local.google.app import create_app
from local.google.bigquery.emulator import Answer
from local.google.bigquery.references import TableName
from local.google.cloud import Cloud, Settings
from local.google.server import bigquery_routes
from local.google.state.audit import Audit, Entry

Json = dict[str, Any]
PROJECT, NUMBER = "keyless-local", "472918365047"
OTHER, OTHER_NUMBER = "keyless-other", "583029476158"
TOKEN = "the-admin-token-of-a-schedule"
DATASETS = ("sales", "visits")
TABLE = "orders"
BUCKET = "keyless-local-files"
UNIFORM = {"uniformBucketLevelAccess": {"enabled": True}}  # without it a bucket takes no conditions
TOPIC = f"projects/{PROJECT}/topics/news"
THEIR_EMAIL = f"theirs-reader@{PROJECT}.iam.gserviceaccount.com"


class Unheard(Audit):
    """An audit log that nobody reads."""

    def record(self, entry: Entry) -> None:
        """Forget it."""


class Catalogue:
    """In the emulator's place: datasets that are there, with a table each, of which the policies alone matter."""

    def __init__(self) -> None:
        self._kept: dict[Any, Json] = {}
        self.turn = asyncio.Lock()

    async def send(self, verb: str, path: str, query: str, body: bytes, **headers: str) -> Answer:
        """The dataset in the path, which exists; who may do what there is the gate's."""
        project, _, dataset = path.removeprefix("/bigquery/v2/projects/").partition("/datasets/")
        return Answer(200, {}, json.dumps(self.dataset(TableName(project, dataset))).encode())

    def dataset(self, name: TableName) -> Json | None:
        """What BigQuery says of the dataset, or None."""
        reference = {"projectId": name.project, "datasetId": name.dataset}
        return {"datasetReference": reference, "location": "EU"} if name.dataset in DATASETS else None

    def view_query(self, name: TableName) -> str | None:
        """Empty: a table that is no view."""
        return "" if name.table == TABLE and name.dataset in DATASETS else None

    def kept(self, name: TableName) -> Json:
        """What is kept beside."""
        return self._kept.setdefault(name, {})

    def expired(self, now: int) -> list[TableName]:
        """No table ever expires."""
        return []


@dataclass(slots=True)
class LocalCloud:
    """A new, empty Google Cloud with two projects and two datasets."""

    cloud: Cloud
    app: Any

    @classmethod
    def start(cls) -> "LocalCloud":
        """One of its own for each schedule."""
        settings = Settings(aws_endpoint="http://127.0.0.1:9", admin_token=TOKEN, more_projects={OTHER: OTHER_NUMBER})
        cloud = replace(Cloud.start(settings), audit=Unheard())
        for dataset in DATASETS:
            cloud.datasets.begin(PROJECT, dataset, [{"role": "OWNER", "specialGroup": "projectOwners"}])
        local = cls(cloud, create_app(cloud, bigquery_routes(cloud, Catalogue())))  # type: ignore[arg-type]
        for project in cloud.projects.all():
            before = set(project.enabled)
            project.enabled |= {"storage.googleapis.com", "pubsub.googleapis.com"}
            if project.id == PROJECT:
                local.ok(
                    "POST", "/storage/storage/v1/b", {"name": BUCKET, "iamConfiguration": UNIFORM}, project=PROJECT
                )
                local.ok("PUT", f"/pubsub/v1/{TOPIC}", {})
            project.enabled = before
        return local

    def request(
        self, method: str, path: str, query: Mapping[str, Any], body: Json | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """One request as the admin; status and body."""
        sent = json.dumps(body).encode() if body is not None else b""
        given = {"authorization": f"Bearer {TOKEN}", **{name.lower(): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query, doseq=True).encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "server": ("google", 80),
            "client": ("127.0.0.1", 1),
        }
        return _run(self.app, scope, sent)

    def ok(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """One request that must succeed."""
        status, answer = self.request(method, path, query, body, {})
        assert status == 200, f"{method} {path}: {status} {answer!r}"
        found: Json = json.loads(answer)
        return found


def _run(app: Any, scope: Json, body: bytes) -> tuple[int, bytes]:
    status, parts = 0, []

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Json) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    running = app(scope, receive, send)
    try:
        running.send(None)
    except StopIteration:
        return status, b"".join(parts)
    raise AssertionError("nothing in this cloud waits for anything")


def query_of(text: str) -> dict[str, list[str]]:
    """A query string as `request` takes it."""
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found
