"""BigQuery jobs: queries, loads and copies, and who may see what came of them."""

import json
from collections.abc import Mapping
from typing import Any

from bqemulator.sql.rewriter.default_dataset import qualify_unqualified_tables

from local.google.bigquery.emulator import upload_configuration
from local.google.bigquery.exchange import Exchange, Json
from local.google.bigquery.references import GET_DATA, UPDATE_DATA, Scope, TableName, altered, dropped
from local.google.bigquery.refusals import from_job_error
from local.google.errors import GoogleError, already_exists, invalid_argument
from local.google.http.bodies import message
from local.google.iam.dataset_access import resource

CREATE = "bigquery.jobs.create"


def before_query(call: Exchange) -> None:
    """jobs.query"""
    call.require_in_project(CREATE)
    body = call.json()
    _require_query(call, body)
    default = _scope(call, body).default
    if default is not None:
        # The emulator heeds a default dataset in jobs.insert only.
        sql = qualify_unqualified_tables(
            body["query"], default_project=default.project, default_dataset=default.dataset
        )
        call.body = json.dumps({**body, "query": sql}).encode()


def after_query(call: Exchange) -> None:
    """jobs.query: a job that failed is a refusal, not an empty result."""
    if call.answer.status != 200:
        return
    answer = call.answer_json()
    if answer.get("errors") and not answer.get("schema", {}).get("fields"):
        raise from_job_error(answer["errors"][0])
    _after_sql(call, call.json())
    _remember(call, answer)


def before_insert(call: Exchange) -> None:
    """jobs.insert"""
    call.require_in_project(CREATE)
    body = call.json()
    _require_job(call, message(body, "configuration"), message(body, "jobReference"))


def after_insert(call: Exchange) -> None:
    """jobs.insert"""
    if call.answer.status == 200:
        answer = call.answer_json()
        _remember(call, answer)
        if not answer.get("status", {}).get("errorResult"):
            _after_sql(call, message(message(call.json(), "configuration"), "query"))


def before_upload(call: Exchange) -> None:
    """jobs.insert with the data in the request, or announced by it."""
    call.require_in_project(CREATE)
    if call.query.get("uploadType") == "multipart":
        try:
            configuration = upload_configuration(call.headers.get("content-type", ""), call.body)
        except Exception as error:
            raise invalid_argument(f"The multipart body cannot be read: {error}") from error
        _require_load(call, message(configuration, "load"))
    elif call.query.get("uploadType") == "resumable":
        _require_load(call, message(message(call.json(), "configuration"), "load"))
    else:
        raise invalid_argument("uploadType must be multipart or resumable.")


def after_upload(call: Exchange) -> None:
    """jobs.insert: remember whose job, or whose upload session, this is."""
    if call.answer.status != 200:
        return
    if "location" in call.answer.headers:
        upload_id = call.answer.headers["x-guploader-uploadid"]
        call.jobs.uploads[upload_id] = call.principal.name
        location = call.answer.headers["location"].replace("/upload/bigquery/", "/bigquery/upload/bigquery/", 1)
        call.answer.headers["location"] = location
    else:
        _remember(call, call.answer_json())


def before_chunk(call: Exchange) -> None:
    """The data of a resumable upload, from whoever announced it."""
    if call.jobs.uploads.get(call.query.get("upload_id", "")) != call.principal.name:
        raise GoogleError(404, "NOT_FOUND", "Not found: upload session")


def before_results(call: Exchange) -> None:
    """jobs.getQueryResults: the results are their creator's alone."""
    if _creator(call) != call.principal.name:
        raise _job_denied(call, "bigquery.jobs.get")


def before_get(call: Exchange) -> None:
    """jobs.get and jobs.cancel: for the creator, or whoever may see the project's jobs."""
    if _creator(call) != call.principal.name:
        permission = "bigquery.jobs.get"
        if not call.cloud.access.allowed(call.principal, permission, f"projects/{call.project}"):
            raise _job_denied(call, permission)


def before_list(call: Exchange) -> None:
    """jobs.list"""
    call.require_in_project("bigquery.jobs.list")


def _require_job(call: Exchange, configuration: Mapping[str, Any], reference: Mapping[str, Any]) -> None:
    if (call.project, str(reference.get("jobId"))) in call.jobs.creators:
        raise already_exists(f"Already Exists: Job {call.project}:US.{reference['jobId']}")
    kinds = [kind for kind in ("query", "load", "copy", "extract") if kind in configuration]
    if kinds == ["query"]:
        _require_query(call, message(configuration, "query"))
    elif kinds == ["load"]:
        _require_load(call, message(configuration, "load"))
    elif kinds == ["copy"]:
        _require_copy(call, message(configuration, "copy"))
    else:
        raise invalid_argument("The job's configuration must be one of query, load and copy.")


def _require_query(call: Exchange, query: Mapping[str, Any]) -> None:
    sql = query.get("query")
    if not isinstance(sql, str) or query.get("useLegacySql") is True:
        raise invalid_argument("A query in GoogleSQL is required; legacy SQL is not emulated.")
    call.require_for_sql(sql, _scope(call, query))
    if "destinationTable" in query:
        _require_destination(call, query["destinationTable"])


def _require_load(call: Exchange, load: Mapping[str, Any]) -> None:
    if load.get("sourceUris"):
        raise invalid_argument("Loads from a URI are not emulated: there is no Cloud Storage here. Upload the data.")
    _require_destination(call, load.get("destinationTable"))


def _require_copy(call: Exchange, copy: Mapping[str, Any]) -> None:
    for source in [*copy.get("sourceTables", []), *([copy["sourceTable"]] if "sourceTable" in copy else [])]:
        call.require(GET_DATA, _table(source))
    _require_destination(call, copy.get("destinationTable"))


def _require_destination(call: Exchange, reference: Any) -> None:
    table = _table(reference)
    if call.emulator.view_query(table) is None:
        call.require("bigquery.tables.create", TableName(table.project, table.dataset))
    call.require(UPDATE_DATA, table)


def _table(reference: Any) -> TableName:
    try:
        return TableName(reference["projectId"], reference["datasetId"], reference["tableId"])
    except (KeyError, TypeError) as error:
        raise invalid_argument("A table reference needs projectId, datasetId and tableId.") from error


def _scope(call: Exchange, query: Mapping[str, Any]) -> Scope:
    default = query.get("defaultDataset")
    if not default:
        return Scope(call.project)
    if not isinstance(default, dict) or not default.get("datasetId"):
        raise invalid_argument("defaultDataset needs a datasetId.")
    return Scope(call.project, TableName(str(default.get("projectId") or call.project), str(default["datasetId"])))


def _after_sql(call: Exchange, query: Mapping[str, Any]) -> None:
    if isinstance(query.get("query"), str) and not query.get("dryRun"):
        for table in dropped(query["query"], _scope(call, query)):
            call.cloud.policies.drop(f"{resource(table.project, table.dataset)}/tables/{table.table}")
        for table in altered(query["query"], _scope(call, query)):
            call.emulator.take_over_columns(table)


def _remember(call: Exchange, answer: Json) -> None:
    job = (answer.get("jobReference") or {}).get("jobId")
    if job:
        call.jobs.creators[call.project, job] = call.principal.name
        call.entry.resource = f"projects/{call.project}/jobs/{job}"


def _creator(call: Exchange) -> str | None:
    call.entry.resource = f"projects/{call.project}/jobs/{call.path['job']}"
    return call.jobs.creators.get((call.project, call.path["job"]))


def _job_denied(call: Exchange, permission: str) -> GoogleError:
    job = f"{call.project}:US.{call.path['job']}"
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Access Denied: Job {job}: User does not have {permission} permission for job {job}.",
    )
