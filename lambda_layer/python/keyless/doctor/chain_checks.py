"""The links themselves: exchange, mapped identity, impersonation, and one harmless call of an API."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from google.auth.exceptions import TransportError
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
from keyless.doctor.diagnosis import Patient
from keyless.doctor.report import Check
from keyless.errors import ApiError, ChainError, ExchangeError, without_secrets
from keyless.failures import lookup
from keyless.net.transport import TIMEOUT, Response

T = TypeVar("T")

QUERY_TIMEOUT = 20.0


def exchange(patient: Patient) -> Iterator[Check]:
    """Google's STS for the signed request, and who we are to Google then."""
    config = patient.config
    scopes: Sequence[str] = [IAM_SCOPE] if config.impersonation_url else config.scopes
    try:
        patient.federated, refusal = _persistently(patient.pauses, lambda: _federate(patient, scopes))
    except ChainError as error:
        yield _broken(patient, "sts-exchange", "exchange", _particular(patient, error))
        return
    patient.token = patient.federated
    patient.hide(patient.federated.value)
    yield _passed(patient, "sts-exchange", "exchange", "a federated token", refusal)
    if patient.role:
        subject = f"principal:{patient.principal.partition(':')[2].partition('/attribute.')[0]}/subject/{patient.arn}"
        yield patient.ok("sts-exchange", "mapped identity", patient.principal, subject)
    else:
        detail = f"{patient.principal}, if the role's name were known"
        yield patient.ok("sts-exchange", "mapped identity", detail, verdict="skipped")


def impersonation(patient: Patient) -> Iterator[Check]:
    """The service account's token, or none with direct access."""
    config = patient.config
    if not config.impersonation_url:
        detail = "direct access: the federated identity calls APIs itself"
        yield patient.ok("impersonation", "impersonation", detail, verdict="skipped")
        return
    try:
        patient.token, refusal = _persistently(
            patient.pauses, lambda: service_account_token(config, patient.request, patient.federated, config.scopes)
        )
    except ChainError as error:
        yield _broken(patient, "impersonation", "impersonation", error)
        return
    patient.hide(patient.token.value)
    detail = f"a token of {config.service_account}"
    yield _passed(patient, "impersonation", "impersonation", detail, refusal)


def api(patient: Patient) -> Iterator[Check]:
    """A query that BigQuery checks and does not run: of nothing, then of the table.

    Who only streams rows in needs no right to run queries: that it is missing is a warning, until there is a table to
    query.
    """
    if "bigquery" not in patient.apis:
        detail = "KEYLESS_APIS does not name bigquery, the one API that there is a harmless call for"
        yield patient.ok("api", "call", detail, verdict="skipped")
        return
    queries = {"bigquery: SELECT 1": "SELECT 1"}
    if patient.table:
        queries[f"bigquery: {patient.table}"] = f"SELECT * FROM `{patient.table}`"  # noqa: S608 -- its form is checked
    for check, sql in queries.items():
        try:
            _, refusal = _persistently(patient.pauses, lambda sql=sql: _dry_run(patient, sql))  # type: ignore[misc]
        except ChainError as error:
            if error.failure == "bigquery-job-user-missing" and not patient.table:
                detail = "not allowed, which is a fault if queries are run here; --table asks for one"
                yield patient.ill("api", check, error, verdict="warning", detail=detail)
            else:
                yield _broken(patient, "api", check, error)
            return
        yield _passed(patient, "api", check, f"allowed in {patient.config.project}, and not run", refusal)


def _federate(patient: Patient, scopes: Sequence[str]) -> Token:
    clocked = ClockedRequest(patient.request, TIMEOUT)
    signed = subject_token(patient.config, patient.supplier, clocked)
    patient.hide(signed)
    try:
        return federated_token(patient.config, clocked, signed, scopes)
    except ExchangeError as error:
        if patient.arn:  # AWS took a signature by this very clock
            raise
        raise clocked.explain(error, patient.config.audience) from error.__cause__


def _dry_run(patient: Patient, sql: str) -> Response:
    """jobs.insert with dryRun: needs bigquery.jobs.create and the right to read, costs nothing (BigQuery API, jobs)."""
    address = patient.config.endpoint("bigquery")
    query = {"query": sql, "useLegacySql": False}
    body = json.dumps({"configuration": {"dryRun": True, "query": query}}).encode()
    headers = {"Authorization": f"Bearer {patient.token.value}", "Content-Type": "application/json"}
    url = f"{address}/bigquery/v2/projects/{patient.config.project}/jobs"
    try:
        response = patient.request(url, "POST", body, headers, QUERY_TIMEOUT)
    except TransportError as failure:
        words = without_secrets(str(failure), patient.token.value)
        raise ApiError("bigquery", lookup.unreachable(failure.__cause__), words=words) from failure
    if response.status != 200:
        refusal = api_refusal("bigquery", response)
        if not in_googles_form(response):
            raise ApiError("bigquery", lookup.find("not-google"), status=response.status, words=refusal.words)
        raise refusal
    return response


def _persistently(pauses: Sequence[float], attempt: Callable[[], T]) -> tuple[T, ChainError | None]:
    """What comes in the end, and the last refusal before it; raises the ChainError that stays."""
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


def _passed(patient: Patient, link: str, check: str, detail: str, refusal: ChainError | None) -> Check:
    if refusal is None:
        return patient.ok(link, check, detail)
    known = lookup.find("binding-propagating") if refusal.failure == "binding-missing" else refusal
    detail = f"{detail}, after a refusal"
    return patient.ill(link, check, known, verdict="warning", detail=detail, words=refusal.words, status=refusal.status)


def _broken(patient: Patient, link: str, check: str, error: ChainError) -> Check:
    """The finding; whatever the clock or the way is to blame for is no other link's fault."""
    first = lookup.find(error.failure).links[0]
    url = {"sts-exchange": patient.config.token_url, "impersonation": patient.config.impersonation_url}.get(link)
    facts = {"HOST": urlsplit(url or patient.config.endpoint("bigquery")).hostname or ""}
    return patient.ill(first if first in ("clock", "network") else link, check, error, facts=facts)


def _particular(patient: Patient, error: ChainError) -> ChainError:
    """`error`, or a better one: when AWS itself takes the credentials, what is left is the account."""
    if error.failure != "aws-not-confirmed" or not patient.arn:
        return error
    other = lookup.find("aws-account-not-trusted")
    return ExchangeError(patient.config.audience, other, status=error.status, words=error.words)
