"""generateAccessToken: who may impersonate a service account, for how long, and when that ends."""

from datetime import UTC, datetime, timedelta

import pytest

from local.google.iam.tokens import CLOUD_PLATFORM
from tests.local.google_fixtures import (
    ADMIN_TOKEN,
    NUMBER,
    POOL_NAME,
    POOLS,
    PROJECT,
    InProcess,
    Json,
    in_process,
)

EMAIL = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
GENERATE = f"/iamcredentials/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
ACCOUNT = f"/iam/v1/projects/{PROJECT}/serviceAccounts/{EMAIL}"
MANAGER = f"/cloudresourcemanager/v1/projects/{PROJECT}"
ROLE_SET = f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/reader-role"
BODY: Json = {"scope": [CLOUD_PLATFORM]}
LIFETIME = "/_local/lifetime"


@pytest.fixture
def google() -> InProcess:
    google = in_process()
    google.pool()
    google.account("aws-bq-reader")
    return google


@pytest.mark.parametrize("role", ["roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"])
def test_either_role_lets_the_bound_aws_role_impersonate(google: InProcess, role: str) -> None:
    google.grant_on_account(EMAIL, role, ROLE_SET)
    made = google.ok("POST", GENERATE, {**BODY, "lifetime": "600s"}, token=google.federated_token())
    assert made["accessToken"].startswith("ya29.c.")
    assert timedelta(seconds=590) < left(made) <= timedelta(seconds=600)


def test_without_a_binding_the_refusal_is_googles(google: InProcess) -> None:
    answer = google.call("POST", GENERATE, BODY, token=google.federated_token())
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["status"] == "PERMISSION_DENIED"
    assert error["message"] == (
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
    )
    assert error["details"][0]["reason"] == "IAM_PERMISSION_DENIED"


def test_a_binding_for_one_aws_role_is_not_for_another(google: InProcess) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.refused(403, "PERMISSION_DENIED", "POST", GENERATE, BODY, token=google.federated_token("other-role"))


def test_a_binding_on_one_account_is_not_for_another(google: InProcess) -> None:
    other = google.account("other-account")
    google.grant_on_account(other, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.refused(403, "PERMISSION_DENIED", "POST", GENERATE, BODY, token=google.federated_token())


def test_a_binding_on_the_project_reaches_every_account(google: InProcess) -> None:
    google.grant("roles/iam.serviceAccountTokenCreator", ROLE_SET)
    google.ok("POST", GENERATE, BODY, token=google.federated_token())


def test_not_even_the_owner_may_impersonate(google: InProcess) -> None:
    google.refused(403, "PERMISSION_DENIED", "POST", GENERATE, BODY)


def test_the_token_is_the_accounts_and_the_log_names_who_stands_behind_it(google: InProcess) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.grant("roles/browser", f"serviceAccount:{EMAIL}")
    google.ok("GET", MANAGER, token=google.impersonate(EMAIL, google.federated_token()))
    entry = google.audit()[-1]
    assert entry["principal"] == EMAIL
    assert entry["delegation"].startswith(f"principal://iam.googleapis.com/projects/{NUMBER}/")
    assert entry["delegation"].endswith("/subject/arn:aws:sts::123456789012:assumed-role/reader-role/fn")


def test_a_federated_token_for_iam_alone_suffices(google: InProcess) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.ok("POST", GENERATE, BODY, token=google.federated_token(scope="https://www.googleapis.com/auth/iam"))


@pytest.mark.parametrize("body", [{}, {"scope": []}, {"scope": CLOUD_PLATFORM}, {"scope": [1]}])
def test_a_scope_is_required(google: InProcess, body: Json) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.refused(400, "INVALID_ARGUMENT", "POST", GENERATE, body, token=google.federated_token())


@pytest.mark.parametrize("lifetime", ["3601s", "43200s", "43201s", "0s", "-5s", "1h", "3600"])
def test_lifetimes_that_google_refuses_are_refused(google: InProcess, lifetime: str) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    body = {**BODY, "lifetime": lifetime}
    google.refused(400, "INVALID_ARGUMENT", "POST", GENERATE, body, token=google.federated_token())


def test_an_organization_policy_can_allow_twelve_hours() -> None:
    google = in_process(long_lifetimes=True)
    google.pool()
    google.account("aws-bq-reader")
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.ok("POST", GENERATE, {**BODY, "lifetime": "43200s"}, token=google.federated_token())


def test_on_request_no_token_lives_long(google: InProcess) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    assert google.ok("PUT", LIFETIME, {"seconds": 7}) == {"seconds": 7}
    made = google.ok("POST", GENERATE, {**BODY, "lifetime": "600s"}, token=google.federated_token())
    assert left(made) <= timedelta(seconds=7)
    assert google.ok("PUT", LIFETIME, {"seconds": None}) == {"seconds": None}
    made = google.ok("POST", GENERATE, {**BODY, "lifetime": "600s"}, token=google.federated_token())
    assert left(made) > timedelta(seconds=7)


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "7", True])
def test_what_is_no_lifetime_is_refused(google: InProcess, seconds: object) -> None:
    google.refused(400, "INVALID_ARGUMENT", "PUT", LIFETIME, {"seconds": seconds})


def left(made: Json) -> timedelta:
    """How long a token is good from now on."""
    return datetime.fromisoformat(made["expireTime"]) - datetime.now(UTC)


def test_a_disabled_account_gives_no_token(google: InProcess) -> None:
    google.grant_on_account(EMAIL, "roles/iam.workloadIdentityUser", ROLE_SET)
    google.ok("POST", f"{ACCOUNT}:disable", {})
    google.refused(400, "FAILED_PRECONDITION", "POST", GENERATE, BODY, token=google.federated_token())


def test_an_account_that_does_not_exist_is_not_found(google: InProcess) -> None:
    google.refused(404, "NOT_FOUND", "POST", GENERATE.replace("aws-bq-reader", "nobody-here"), BODY)


def test_the_project_is_a_wildcard_in_this_api(google: InProcess) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", GENERATE.replace("/-/", f"/{PROJECT}/"), BODY)


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_a_federated_token_ends_with_its_pool(google: InProcess, end: str) -> None:
    google.grant("roles/browser", ROLE_SET)
    token = google.federated_token()
    google.ok("GET", MANAGER, token=token)
    if end == "disable":
        google.ok("PATCH", f"{POOLS}/aws-pool?updateMask=disabled", {"disabled": True})
    else:
        google.ok("DELETE", f"{POOLS}/aws-pool")
    google.refused(401, "UNAUTHENTICATED", "GET", MANAGER, token=token)


def test_a_federated_token_outlives_its_disabled_provider(google: InProcess) -> None:
    google.grant("roles/browser", ROLE_SET)
    token = google.federated_token()
    google.ok("PATCH", f"{POOLS}/aws-pool/providers/aws-provider?updateMask=disabled", {"disabled": True})
    google.ok("GET", MANAGER, token=token)


def test_a_chain_of_delegates_is_checked_link_by_link(google: InProcess) -> None:
    middle = google.account("middle-account")
    body = {**BODY, "delegates": [f"projects/-/serviceAccounts/{middle}"]}
    google.grant_on_account(EMAIL, "roles/iam.serviceAccountTokenCreator", f"serviceAccount:{middle}")
    google.refused(403, "PERMISSION_DENIED", "POST", GENERATE, body)
    google.grant_on_account(middle, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")
    google.ok("POST", GENERATE, body, token=ADMIN_TOKEN)
