"""The gate in front of the emulator: token, enabled API, permission; only then is a request let through."""

import gzip
import io
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.google.bigquery import datasets, jobs, streaming, tables
from local.google.bigquery.emulator import Emulator
from local.google.bigquery.exchange import Exchange, Jobs
from local.google.bigquery.refusals import refusal
from local.google.cloud import PUBLIC_DATA, Cloud
from local.google.errors import GoogleError, invalid_argument, scope_insufficient
from local.google.http.admission import begin, finish, require_enabled, require_quota_project, spend_quota
from local.google.http.bodies import read_body
from local.google.iam.tokens import CLOUD_PLATFORM

HOST = "bigquery.googleapis.com"
AUDITED = "google.cloud.bigquery.v2."
SCOPES = frozenset({CLOUD_PLATFORM, "https://www.googleapis.com/auth/bigquery"})
INTERNAL = "An internal error occurred and the request could not be completed."
MAX_BODY = 64 * 1024 * 1024
# What the emulator may see of a request: never who is asking, except as the gate says it.
PASSED_ON = ("content-type", "content-range", "x-upload-content-type", "x-upload-content-length")
ANSWERED = ("content-type", "location", "range", "x-guploader-uploadid")

Step = Callable[[Exchange], None]


def nothing(_call: Exchange) -> None:
    """Nothing to check or to change."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A REST method: what must hold before the emulator has it, and what is to be done to its answer."""

    verb: str
    path: str
    name: str
    before: Step
    after: Step = nothing


PROJECT = "/bigquery/v2/projects/{project}"
DATASETS = PROJECT + "/datasets"
DATASET = DATASETS + "/{dataset}"
TABLE = DATASET + "/tables/{table}"
JOB = PROJECT + "/jobs/{job}"
INSERT = TABLE + "/insertAll"
UPLOAD = "/upload" + PROJECT + "/jobs"

OPERATIONS = [
    Operation("POST", PROJECT + "/queries", "JobService.Query", jobs.before_query, jobs.after_query),
    Operation("GET", PROJECT + "/queries/{job}", "JobService.GetQueryResults", jobs.before_results),
    Operation("POST", PROJECT + "/jobs", "JobService.InsertJob", jobs.before_insert, jobs.after_insert),
    Operation("GET", PROJECT + "/jobs", "JobService.ListJobs", jobs.before_list),
    Operation("GET", JOB, "JobService.GetJob", jobs.before_get),
    Operation("POST", JOB + "/cancel", "JobService.CancelJob", jobs.before_get),
    Operation("POST", UPLOAD, "JobService.InsertJob", jobs.before_upload, jobs.after_upload),
    Operation("PUT", UPLOAD, "JobService.InsertJob", jobs.before_chunk, jobs.after_upload),
    Operation("GET", DATASETS, "DatasetService.ListDatasets", nothing, datasets.after_list),
    Operation("POST", DATASETS, "DatasetService.InsertDataset", datasets.before_insert, datasets.after_insert),
    Operation("GET", DATASET, "DatasetService.GetDataset", datasets.before_get, datasets.after_get),
    Operation("PATCH", DATASET, "DatasetService.PatchDataset", datasets.before_update, datasets.after_update),
    Operation("PUT", DATASET, "DatasetService.UpdateDataset", datasets.before_update, datasets.after_update),
    Operation("DELETE", DATASET, "DatasetService.DeleteDataset", datasets.before_delete, datasets.after_delete),
    Operation("GET", DATASET + "/tables", "TableService.ListTables", tables.before_list),
    Operation("POST", DATASET + "/tables", "TableService.InsertTable", tables.before_insert, tables.after_insert),
    Operation("GET", TABLE, "TableService.GetTable", tables.before_get, tables.after_get),
    Operation("PATCH", TABLE, "TableService.PatchTable", tables.before_update, tables.after_update),
    Operation("PUT", TABLE, "TableService.UpdateTable", tables.before_update, tables.after_update),
    Operation("DELETE", TABLE, "TableService.DeleteTable", tables.before_delete, tables.after_delete),
    Operation("GET", TABLE + "/data", "TableDataService.List", tables.before_read_rows),
    Operation("POST", INSERT, "TableDataService.InsertAll", streaming.before_insert_rows, streaming.after_insert_rows),
]


def routes(cloud: Cloud, emulator: Emulator) -> list[Route]:
    """BigQuery's routes under /bigquery; whatever is none of them does not exist."""
    known = Jobs()
    return [
        Route("/bigquery" + operation.path, _Gate(cloud, emulator, known, operation), methods=[operation.verb])
        for operation in OPERATIONS
    ]


@dataclass(frozen=True, slots=True)
class _Gate:
    cloud: Cloud
    emulator: Emulator
    jobs: Jobs
    operation: Operation

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request, entry = Request(scope, receive), begin(HOST, AUDITED + self.operation.name)
        started = time.monotonic()
        response: Response
        try:
            response = await self._serve(request, entry)
        except GoogleError as error:
            entry.reason, response = error.message, JSONResponse(refusal(error), error.code)
        except Exception:
            traceback.print_exc()
            response = JSONResponse(refusal(GoogleError(500, "INTERNAL", INTERNAL)), 500)
        finish(self.cloud, entry, started, response.status_code)
        await response(scope, receive, send)

    async def _serve(self, request: Request, entry: Any) -> Response:
        grant = self.cloud.tokens.authenticate(request.headers.get("authorization"))
        entry.principal, entry.delegation = grant.principal.name, grant.principal.delegation
        if not grant.scopes & SCOPES:
            raise scope_insufficient(HOST, self.operation.name)
        if request.path_params["project"] != PUBLIC_DATA:
            require_enabled(self.cloud, HOST, request.path_params)
        spend_quota(self.cloud, entry, request.path_params)
        require_quota_project(self.cloud, grant.principal, request.headers.get("x-goog-user-project"))
        call = Exchange(
            cloud=self.cloud,
            emulator=self.emulator,
            jobs=self.jobs,
            entry=entry,
            principal=grant.principal,
            verb=self.operation.verb,
            path=request.path_params,
            query=request.query_params,
            headers=request.headers,
            body=await _body(request),
        )
        async with self.emulator.turn:
            await tables.drop_expired(call)
            self.operation.before(call)
            await self._forward(call, request)
            self.operation.after(call)
        _note(call)
        headers = {name: call.answer.headers[name] for name in ANSWERED if name in call.answer.headers}
        return Response(call.answer.body, call.answer.status, headers)

    async def _forward(self, call: Exchange, request: Request) -> None:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        path = self.operation.path.format(**{**call.path, "project": call.project})
        caller = f"serviceAccount:{call.principal.email}" if call.principal.email else call.principal.name
        call.answer = await self.emulator.send(
            self.operation.verb,
            path,
            request.url.query,
            call.body,
            **headers,
            host=request.headers.get("host", ""),
            x_bqemu_caller=caller,
        )


async def _body(request: Request) -> bytes:
    body = await read_body(request, MAX_BODY)
    if request.headers.get("content-encoding", "identity") == "identity":
        return body
    try:
        with gzip.open(io.BytesIO(body)) as unpacked:
            body = unpacked.read(MAX_BODY + 1)
    except (OSError, EOFError) as error:
        raise invalid_argument("The request's body is not valid gzip.") from error
    if len(body) > MAX_BODY:
        raise GoogleError(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
    return body


def _note(call: Exchange) -> None:
    """Tell the audit log why the emulator itself refused."""
    if call.answer.status >= 400 and call.entry.reason is None:
        try:
            call.entry.reason = str(json.loads(call.answer.body)["error"]["message"])[:300]
        except (ValueError, KeyError, TypeError):
            call.entry.reason = f"the emulator answered {call.answer.status}"
