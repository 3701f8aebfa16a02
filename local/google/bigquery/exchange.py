"""One request to BigQuery on its way through the gate: who makes it, on what, and what they may do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.google.bigquery.emulator import Answer, Emulator
from local.google.bigquery.references import GET_DATA, Scope, TableName, Unreadable, needs
from local.google.bigquery.refusals import (
    denied_in_project,
    denied_on,
    denied_query,
    from_job_error,
    precondition_failed,
    table_not_found,
)
from local.google.cloud import Cloud
from local.google.errors import GoogleError, invalid_argument
from local.google.iam.dataset_access import resource
from local.google.iam.policies import same_etag
from local.google.iam.principals import Principal
from local.google.state.audit import Entry

Json = dict[str, Any]
MAX_VIEW_DEPTH = 16


@dataclass(slots=True)
class Jobs:
    """Who created which job: results belong to their creator."""

    creators: dict[tuple[str, str], str] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """A request, its principal, and after the emulator had it, the answer.

    Where the emulator is told other than was `asked`, that is kept here, with the columns that it `added` to a table.
    """

    cloud: Cloud
    emulator: Emulator
    jobs: Jobs
    entry: Entry
    principal: Principal
    verb: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    answer: Answer = field(default_factory=Answer)
    asked: Json = field(default_factory=dict)
    added: list[Json] = field(default_factory=list)

    @property
    def project(self) -> str:
        """The ID of the project in the path, which may be named there by its number."""
        project = self.cloud.projects.find(self.path["project"])
        return project.id if project else self.path["project"]

    @property
    def table(self) -> TableName:
        """The table, or with no table the dataset, in the path."""
        return TableName(self.project, self.path["dataset"], self.path.get("table", ""))

    @property
    def dataset(self) -> str:
        """The dataset in the path, as a resource that carries a policy."""
        return resource(self.project, self.path["dataset"])

    def json(self) -> Json:
        """The request's JSON object."""
        return _object(self.body)

    def answer_json(self) -> Json:
        """The answer's JSON object."""
        return _object(self.answer.body)

    def replace_answer(self, document: Json) -> None:
        """Answer this instead."""
        self.answer.body = json.dumps(document).encode()

    def holds(self, permission: str, on: TableName) -> bool:
        """Whether the caller has the permission on a table or dataset, or on what is above it."""
        dataset, project = resource(on.project, on.dataset), f"projects/{on.project}"
        chain = [f"{dataset}/tables/{on.table}", dataset, project] if on.table else [dataset, project]
        return self.cloud.access.allowed(self.principal, permission, *chain)

    def require(self, permission: str, on: TableName) -> None:
        """403 unless the caller `holds` it."""
        if not self.holds(permission, on):
            raise denied_on("Table" if on.table else "Dataset", permission, on)

    def require_match(self, etag: str) -> None:
        """412 unless the request's If-Match, if it has one, is this etag."""
        wanted = self.headers.get("if-match", "*").strip().strip('"')
        if wanted != "*" and not same_etag(wanted, etag):
            raise precondition_failed()

    def require_in_project(self, permission: str) -> None:
        """403 unless the caller holds the permission on the project in the path."""
        self.entry.resource = self.entry.resource or f"projects/{self.project}"
        if not self.cloud.access.allowed(self.principal, permission, f"projects/{self.project}"):
            raise denied_in_project(permission, self.project)

    def require_for_sql(self, sql: str, scope: Scope, depth: int = 0) -> None:
        """403 unless the caller may do everything that `sql` does, through views down to tables."""
        if depth > MAX_VIEW_DEPTH:
            raise invalid_argument("Views are nested too deep.")
        try:
            wanted = needs(sql, scope)
        except Unreadable as error:
            raise from_job_error({"reason": "invalidQuery", "message": str(error)}) from error
        for need in wanted:
            if need.permission == GET_DATA:
                self._require_read(need.on, depth)
            else:
                self.require(need.permission, need.on)

    def _require_read(self, table: TableName, depth: int) -> None:
        if not self.holds(GET_DATA, table):
            raise denied_query(table)
        if not table.table:
            return
        view = self.emulator.view_query(table)
        if view is None:
            raise table_not_found(table)
        if view:
            self.require_for_sql(view, Scope(table.project), depth + 1)


def _object(raw: bytes) -> Json:
    try:
        document = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(document, dict):
        raise GoogleError(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Root element must be a message.")
    return document
