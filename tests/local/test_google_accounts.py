"""Service accounts: identities that do not come back, bindings that remember them, and keys that nobody gets."""

import pytest

from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT, InProcess, in_process

ACCOUNTS = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
EMAIL = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
POLICY = f"/cloudresourcemanager/v1/projects/{PROJECT}:getIamPolicy"


@pytest.fixture
def google() -> InProcess:
    return in_process()


def members(google: InProcess, role: str) -> list[str]:
    bindings = google.ok("POST", POLICY)["bindings"]
    return [member for binding in bindings if binding["role"] == role for member in binding["members"]]


def test_an_account_has_an_email_and_a_unique_id_and_is_found_by_both(google: InProcess) -> None:
    body = {"accountId": "aws-bq-reader", "serviceAccount": {"displayName": "Reader", "description": "ours"}}
    account = google.ok("POST", ACCOUNTS, body)
    assert account["email"] == EMAIL
    assert account["name"] == f"projects/{PROJECT}/serviceAccounts/{EMAIL}"
    assert len(account["uniqueId"]) == 21
    for key in (EMAIL, EMAIL.replace("@", "%40"), account["uniqueId"]):
        assert google.ok("GET", f"{ACCOUNTS}/{key}") == account
    assert google.ok("GET", f"/iam/v1/projects/-/serviceAccounts/{EMAIL}") == account
    assert google.ok("GET", ACCOUNTS)["accounts"] == [account]


@pytest.mark.parametrize("account_id", ["short", "x" * 31, "1digit-first", "Upper-case", "ends-with-", ""])
def test_account_ids_that_google_refuses_are_refused(google: InProcess, account_id: str) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", ACCOUNTS, {"accountId": account_id})


def test_the_same_account_twice_is_refused_in_googles_words(google: InProcess) -> None:
    google.account("aws-bq-reader")
    message = google.refused(409, "ALREADY_EXISTS", "POST", ACCOUNTS, {"accountId": "aws-bq-reader"})
    assert message == f"Service account aws-bq-reader already exists within project projects/{PROJECT}."


def test_a_patch_applies_only_what_its_mask_names(google: InProcess) -> None:
    google.account("aws-bq-reader")
    body = {"serviceAccount": {"displayName": "new", "description": "new"}, "updateMask": "displayName"}
    account = google.ok("PATCH", f"{ACCOUNTS}/{EMAIL}", body)
    assert account["displayName"] == "new"
    assert "description" not in account


def test_a_deleted_accounts_bindings_remember_its_unique_id(google: InProcess) -> None:
    google.account("aws-bq-reader")
    unique_id = google.ok("GET", f"{ACCOUNTS}/{EMAIL}")["uniqueId"]
    google.grant("roles/bigquery.jobUser", f"serviceAccount:{EMAIL}")
    google.ok("DELETE", f"{ACCOUNTS}/{EMAIL}")
    assert members(google, "roles/bigquery.jobUser") == [f"deleted:serviceAccount:{EMAIL}?uid={unique_id}"]
    google.refused(404, "NOT_FOUND", "GET", f"{ACCOUNTS}/{EMAIL}")


def test_an_account_made_again_is_another_and_inherits_nothing(google: InProcess) -> None:
    first = google.account_token("aws-bq-reader")
    google.grant("roles/browser", f"serviceAccount:{EMAIL}")
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=first)
    before = google.ok("GET", f"{ACCOUNTS}/{EMAIL}")["uniqueId"]
    google.ok("DELETE", f"{ACCOUNTS}/{EMAIL}")
    second = google.account_token("aws-bq-reader")
    assert google.ok("GET", f"{ACCOUNTS}/{EMAIL}")["uniqueId"] != before
    google.refused(403, "PERMISSION_DENIED", "GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=second)
    google.refused(401, "UNAUTHENTICATED", "GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=first)


def test_undelete_brings_back_the_account_its_policy_and_its_bindings(google: InProcess) -> None:
    token = google.account_token("aws-bq-reader")
    unique_id = google.ok("GET", f"{ACCOUNTS}/{EMAIL}")["uniqueId"]
    google.grant("roles/browser", f"serviceAccount:{EMAIL}")
    google.ok("DELETE", f"{ACCOUNTS}/{EMAIL}")
    google.ok("POST", f"{ACCOUNTS}/{unique_id}:undelete", {})
    assert members(google, "roles/browser") == [f"serviceAccount:{EMAIL}"]
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)
    google.impersonate(EMAIL, ADMIN_TOKEN)


def test_a_disabled_accounts_tokens_stop_until_it_is_enabled(google: InProcess) -> None:
    token = google.account_token("aws-bq-reader")
    google.grant("roles/browser", f"serviceAccount:{EMAIL}")
    google.ok("POST", f"{ACCOUNTS}/{EMAIL}:disable", {})
    google.refused(401, "UNAUTHENTICATED", "GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)
    google.ok("POST", f"{ACCOUNTS}/{EMAIL}:enable", {})
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)


def test_nobody_gets_a_key(google: InProcess) -> None:
    google.account("aws-bq-reader")
    assert google.ok("GET", f"{ACCOUNTS}/{EMAIL}/keys?keyTypes=USER_MANAGED") == {}
    answer = google.call("POST", f"{ACCOUNTS}/{EMAIL}/keys", {})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == "FAILED_PRECONDITION"
    assert error["details"][0]["violations"][0]["type"] == "constraints/iam.disableServiceAccountKeyCreation"
