"""Quotas on request: so many calls of a method, then 429 with the time to wait."""

from pathlib import Path

import pytest

from local.google.errors import GoogleError
from local.google.state.audit import Entry
from local.google.state.quotas import Quotas
from tests.local.google_fixtures import NUMBER, POOL_NAME, PROJECT, InProcess, Json, in_process, server

PROJECT_PATH = f"/cloudresourcemanager/v1/projects/{PROJECT}"
QUOTA = "/_local/quota"


@pytest.fixture
def google() -> InProcess:
    return in_process()


def call(method: str, service: str = "iam.googleapis.com") -> Entry:
    return Entry(time="", service=service, method=method)


def refusal(quotas: Quotas, entry: Entry) -> Json:
    with pytest.raises(GoogleError) as caught:
        quotas.spend(entry, NUMBER)
    error: Json = caught.value.body()["error"]
    return error


def test_a_window_begins_with_its_first_call_and_then_the_quota_is_whole_again() -> None:
    now = 100.0
    quotas = Quotas(["SetIamPolicy=2/60s"], clock=lambda: now)
    quotas.spend(call("google.iam.v1.SetIamPolicy"), NUMBER)
    now = 130.0
    quotas.spend(call("google.iam.v1.SetIamPolicy"), NUMBER)
    now = 140.0
    error = refusal(quotas, call("google.iam.v1.SetIamPolicy"))
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert "of service 'iam.googleapis.com' for consumer 'project_number:" in error["message"]
    assert error["details"][0]["reason"] == "RATE_LIMIT_EXCEEDED"
    assert error["details"][1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20.000s"}
    quotas.spend(call("google.iam.v1.GetIamPolicy"), NUMBER)
    now = 160.0
    quotas.spend(call("google.iam.v1.SetIamPolicy"), NUMBER)


def test_a_quota_may_be_a_whole_services() -> None:
    quotas = Quotas(["iam.googleapis.com=1/60s"], clock=lambda: 0.0)
    quotas.spend(call("A"), NUMBER)
    refusal(quotas, call("B"))
    quotas.spend(call("A", "sts.googleapis.com"), NUMBER)


@pytest.mark.parametrize("text", ["SetIamPolicy", "SetIamPolicy=x/60s", "SetIamPolicy=5/60", "SetIamPolicy=5/0s", ""])
def test_what_is_not_a_quota_is_refused(google: InProcess, text: str) -> None:
    with pytest.raises(ValueError, match="is not METHOD=CALLS/SECONDSs"):
        Quotas([text])
    google.refused(400, "INVALID_ARGUMENT", "PUT", QUOTA, {"quotas": [text]})


def test_the_admin_sets_quotas_and_lifts_them(google: InProcess) -> None:
    google.ok("PUT", QUOTA, {"quotas": ["GetProject=1/3600s"]})
    assert google.ok("GET", QUOTA) == {"quotas": ["GetProject=1/3600s"]}
    google.ok("GET", PROJECT_PATH)
    google.refused(429, "RESOURCE_EXHAUSTED", "GET", PROJECT_PATH)
    assert google.audit()[-1]["status"] == 429
    google.ok("PUT", QUOTA, {"quotas": []})
    google.ok("GET", PROJECT_PATH)
    token = google.account_token("lone-account")
    google.refused(403, "PERMISSION_DENIED", "PUT", QUOTA, {"quotas": []}, token=token)


def test_an_exhausted_method_does_nothing(google: InProcess) -> None:
    google.ok("PUT", QUOTA, {"quotas": ["CreateServiceAccount=0/3600s"]})
    accounts = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
    google.refused(429, "RESOURCE_EXHAUSTED", "POST", accounts, {"accountId": "never-made"})
    assert google.ok("GET", accounts) == {}


def test_storage_says_it_in_its_own_shape(google: InProcess) -> None:
    google.enable_apis("storage.googleapis.com")
    google.ok("PUT", QUOTA, {"quotas": ["storage.googleapis.com=0/3600s"]})
    answer = google.call("GET", f"/storage/storage/v1/b?project={PROJECT}")
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (429, "rateLimitExceeded")


def test_the_command_sets_quotas_and_every_api_has_them(tmp_path: Path) -> None:
    options = ("--quota", "ExchangeToken=0/3600s", "--quota", "Query=0/3600s", "--quota", "GetIamPolicy=1/3600s")
    with server(tmp_path, "http://127.0.0.1:1", *options) as (google, _):
        google.enable_apis()
        google.pool()
        answer = google.exchange({"url": "", "method": "POST", "headers": []})
        assert (answer.status_code, answer.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
        assert POOL_NAME in google.audit()[-1]["resource"]
        query = google.call("POST", f"/bigquery/bigquery/v2/projects/{PROJECT}/queries", {"query": "SELECT 1"})
        assert (query.status_code, query.json()["error"]["errors"][0]["reason"]) == (429, "rateLimitExceeded")
        google.ok("POST", f"{PROJECT_PATH}:getIamPolicy")
        google.refused(429, "RESOURCE_EXHAUSTED", "POST", f"{PROJECT_PATH}:getIamPolicy")
