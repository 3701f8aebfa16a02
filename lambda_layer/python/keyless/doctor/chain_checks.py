"""The checks of the chain itself: exchange, mapped identity, impersonation, and one harmless call of an API."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from google.auth.exceptions import TransportError
from keyless import failures
from keyless.chain.clock import ClockedRequest
from keyless.chain.exchange import IAM_SCOPE
from keyless.chain.links import (
    Token,
    api_refusal,
    federated_token,
    in_googles_form,
    service_account_token,
    subject_token,
)
from keyless.doctor.diagnosis import Diagnosis
from keyless.doctor.report import Check
from keyless.errors import ApiError, ChainError, ExchangeError, without_secrets
from keyless.net.transport import TIMEOUT, Response

T = TypeVar("T")

QUERY_TIMEOUT = 20.0


def exchange(diagnosis: Diagnosis) -> Iterator[Check]:
    """Exchange the signed request at Google's STS, and name the identity that Google maps it to."""
    config = diagnosis.config
    scopes: Sequence[str] = [IAM_SCOPE] if config.impersonation_url else config.scopes
    try:
        diagnosis.federated, refusal = _retried(diagnosis.pauses, lambda: _federate(diagnosis, scopes))
    except ChainError as error:
        yield _broken(diagnosis, "sts-exchange", "exchange", _refined(diagnosis, error))
        return
    diagnosis.token = diagnosis.federated
    diagnosis.hide(diagnosis.federated.value)
    yield _passed(diagnosis, "sts-exchange", "exchange", "a federated token", refusal)
    if diagnosis.role:
        subject = (
            f"principal:{diagnosis.principal.partition(':')[2].partition('/attribute.')[0]}/subject/{diagnosis.arn}"
        )
        yield diagnosis.ok("sts-exchange", "mapped identity", diagnosis.principal, subject)
    else:
        detail = f"{diagnosis.principal}, if the role's name were known"
        yield diagnosis.ok("sts-exchange", "mapped identity", detail, verdict="skipped")


def impersonation(diagnosis: Diagnosis) -> Iterator[Check]:
    """Impersonate the service account; skipped with direct access."""
    config = diagnosis.config
    if not config.impersonation_url:
        detail = "direct access: the federated identity calls APIs itself"
        yield diagnosis.ok("impersonation", "impersonation", detail, verdict="skipped")
        return
    try:
        diagnosis.token, refusal = _retried(
            diagnosis.pauses,
            lambda: service_account_token(config, diagnosis.request, diagnosis.federated, config.scopes),
        )
    except ChainError as error:
        yield _broken(diagnosis, "impersonation", "impersonation", error)
        return
    diagnosis.hide(diagnosis.token.value)
    detail = f"a token of {config.service_account}"
    yield _passed(diagnosis, "impersonation", "impersonation", detail, refusal)


def api(diagnosis: Diagnosis) -> Iterator[Check]:
    """Send queries that BigQuery checks and does not run: of no table, then of the table.

    A function that only streams rows needs no permission to run queries: without a table to query, that it is missing
    is a warning.
    """
    if "bigquery" not in diagnosis.apis:
        detail = "KEYLESS_APIS does not name bigquery, the one API that there is a harmless call for"
        yield diagnosis.ok("api", "call", detail, verdict="skipped")
        return
    queries = {"bigquery: SELECT 1": "SELECT 1"}
    if diagnosis.table:
        queries[f"bigquery: {diagnosis.table}"] = f"SELECT * FROM `{diagnosis.table}`"  # noqa: S608 -- its form is checked
    for check, sql in queries.items():
        try:
            _, refusal = _retried(diagnosis.pauses, lambda sql=sql: _dry_run(diagnosis, sql))  # type: ignore[misc]
        except ChainError as error:
            if error.failure == "bigquery-job-user-missing" and not diagnosis.table:
                detail = "not allowed, which is a fault if queries are run here; --table asks for one"
                yield diagnosis.failed("api", check, error, verdict="warning", detail=detail)
            else:
                yield _broken(diagnosis, "api", check, error)
            return
        yield _passed(diagnosis, "api", check, f"allowed in {diagnosis.config.project}, and not run", refusal)


def _federate(diagnosis: Diagnosis, scopes: Sequence[str]) -> Token:
    clocked = ClockedRequest(diagnosis.request, TIMEOUT)
    signed = subject_token(diagnosis.config, diagnosis.supplier, clocked)
    diagnosis.hide(signed)
    try:
        return federated_token(diagnosis.config, clocked, signed, scopes)
    except ExchangeError as error:
        if diagnosis.arn:  # AWS took a signature by this very clock
            raise
        raise clocked.explain(error, diagnosis.config.audience) from error.__cause__


def _dry_run(diagnosis: Diagnosis, sql: str) -> Response:
    """jobs.insert with dryRun: needs bigquery.jobs.create and the right to read, costs nothing (BigQuery API, jobs)."""
    address = diagnosis.config.endpoint("bigquery")
    query = {"query": sql, "useLegacySql": False}
    body = json.dumps({"configuration": {"dryRun": True, "query": query}}).encode()
    headers = {"Authorization": f"Bearer {diagnosis.token.value}", "Content-Type": "application/json"}
    if diagnosis.config.quota_project:
        headers["x-goog-user-project"] = diagnosis.config.quota_project
    url = f"{address}/bigquery/v2/projects/{diagnosis.config.project}/jobs"
    try:
        response = diagnosis.request(url, "POST", body, headers, QUERY_TIMEOUT)
    except TransportError as failure:
        words = without_secrets(str(failure), diagnosis.token.value)
        raise ApiError("bigquery", failures.unreachable(failure.__cause__), words=words) from failure
    if response.status != 200:
        refusal = api_refusal("bigquery", response)
        if not in_googles_form(response):
            raise ApiError(
                "bigquery", failures.find("response-not-from-google"), status=response.status, words=refusal.words
            )
        raise refusal
    return response


def _retried(pauses: Sequence[float], attempt: Callable[[], T]) -> tuple[T, ChainError | None]:
    """Return the result of `attempt` and the last refusal before it; raise the ChainError that remains."""
    refusal: ChainError | None = None
    for pause in pauses:
        try:
            return attempt(), refusal
        except ChainError as error:
            if not (error.retryable or error.propagating):
                raise
            refusal = error
        time.sleep(pause)
    return attempt(), refusal


def _passed(diagnosis: Diagnosis, link: str, check: str, detail: str, refusal: ChainError | None) -> Check:
    if refusal is None:
        return diagnosis.ok(link, check, detail)
    known = failures.find("binding-propagating") if refusal.failure == "binding-missing" else refusal
    detail = f"{detail}, after a refusal"
    return diagnosis.failed(
        link, check, known, verdict="warning", detail=detail, words=refusal.words, status=refusal.status
    )


def _broken(diagnosis: Diagnosis, link: str, check: str, error: ChainError) -> Check:
    """Return the failed check; a fault of the clock or the network is not counted against another link."""
    first = failures.find(error.failure).links[0]
    url = {"sts-exchange": diagnosis.config.token_url, "impersonation": diagnosis.config.impersonation_url}.get(link)
    facts = {"HOST": urlsplit(url or diagnosis.config.endpoint("bigquery")).hostname or ""}
    return diagnosis.failed(first if first in ("clock", "network") else link, check, error, facts=facts)


def _refined(diagnosis: Diagnosis, error: ChainError) -> ChainError:
    """Return `error`, or a better one: AWS itself accepts the credentials, which leaves fewer causes."""
    if error.failure != "aws-not-confirmed" or not diagnosis.arn:
        return error
    other = failures.find("aws-account-not-trusted")
    return ExchangeError(diagnosis.config.audience, other, status=error.status, words=error.words)
