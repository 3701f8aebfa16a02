"""Every management call needs its permission and its API; refusals are in Google's words; the audit log tells them."""

import time
from dataclasses import replace

import pytest

from local.google.iam.tokens import CLOUD_PLATFORM
from tests.local.google_fixtures import ADMIN_TOKEN, NUMBER, POOL_NAME, POOLS, PROJECT, InProcess, Json, in_process

ACCOUNTS = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
ACCOUNT = f"{ACCOUNTS}/target-account@{PROJECT}.iam.gserviceaccount.com"
CREDENTIALS = f"/iamcredentials/v1/projects/-/serviceAccounts/target-account@{PROJECT}.iam.gserviceaccount.com"
ROLES = f"/iam/v1/projects/{PROJECT}/roles"
MANAGER = f"/cloudresourcemanager/v1/projects/{PROJECT}"
SERVICES = f"/serviceusage/v1/projects/{PROJECT}/services"
EMAIL = f"lone-account@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def google() -> InProcess:
    google = in_process()
    google.pool()
    google.account("target-account")
    return google


def test_a_missing_token_is_told_apart(google: InProcess) -> None:
    answer = google.http.get(POOLS)
    assert answer.status_code == 401
    assert answer.json()["error"]["details"][0]["reason"] == "CREDENTIALS_MISSING"


def test_a_denial_names_permission_and_resource(google: InProcess) -> None:
    answer = google.call(
        "POST", f"{POOLS}?workloadIdentityPoolId=new-pool", {}, token=google.account_token("lone-account")
    )
    detail = answer.json()["error"]["details"][0]
    assert detail["reason"] == "IAM_PERMISSION_DENIED"
    assert detail["metadata"] == {"permission": "iam.workloadIdentityPools.create", "resource": f"projects/{PROJECT}"}


def test_a_role_opens_what_it_names_and_no_more(google: InProcess) -> None:
    token = google.account_token("lone-account")
    google.grant("roles/iam.workloadIdentityPoolViewer", f"serviceAccount:{EMAIL}")
    google.ok("GET", f"{POOLS}/aws-pool", token=token)
    google.refused(403, "PERMISSION_DENIED", "DELETE", f"{POOLS}/aws-pool", token=token)
    google.refused(403, "PERMISSION_DENIED", "GET", ACCOUNTS, token=token)


def test_a_token_without_the_scope_is_refused(google: InProcess) -> None:
    member = f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/reader-role"
    google.grant("roles/browser", member)
    google.ok("GET", MANAGER, token=google.federated_token())
    token = google.federated_token(scope="https://www.googleapis.com/auth/iam")
    answer = google.call("GET", MANAGER, token=token)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize(
    "member",
    [
        f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/reader-role",
        f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_account/123456789012",
        f"principalSet://iam.googleapis.com/{POOL_NAME}/*",
        f"principal://iam.googleapis.com/{POOL_NAME}/subject/arn:aws:sts::123456789012:assumed-role/reader-role/fn",
    ],
)
def test_a_federated_identity_can_be_granted_roles_directly(google: InProcess, member: str) -> None:
    google.refused(403, "PERMISSION_DENIED", "GET", MANAGER, token=google.federated_token())
    google.grant("roles/browser", member)
    google.ok("GET", MANAGER, token=google.federated_token())


def test_a_federated_identity_of_another_role_is_not_meant(google: InProcess) -> None:
    google.grant("roles/browser", f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/reader-role")
    google.refused(403, "PERMISSION_DENIED", "GET", MANAGER, token=google.federated_token("other-role"))


@pytest.mark.parametrize(
    ("verb", "path", "service"),
    [
        ("GET", POOLS, "iam.googleapis.com"),
        ("GET", ACCOUNTS, "iam.googleapis.com"),
        ("POST", f"{CREDENTIALS}:generateAccessToken", "iamcredentials.googleapis.com"),
    ],
)
def test_an_api_that_was_never_enabled_says_so(verb: str, path: str, service: str) -> None:
    google = in_process(apis=False)
    error = google.call(verb, path).json()["error"]
    assert error["code"] == 403
    assert f"has not been used in project {NUMBER} before or it is disabled" in error["message"]
    assert error["details"][1]["reason"] == "SERVICE_DISABLED"
    assert error["details"][1]["metadata"]["service"] == service


def test_enabling_an_api_is_an_operation_and_shows() -> None:
    google = in_process(apis=False)
    assert google.ok("GET", f"{SERVICES}/iam.googleapis.com")["state"] == "DISABLED"
    operation = google.ok("POST", f"{SERVICES}/iam.googleapis.com:enable", {})
    assert "done" not in google.ok("GET", f"/serviceusage/v1/{operation['name']}")
    assert google.ok("GET", f"/serviceusage/v1/{operation['name']}")["done"] is True
    assert google.ok("GET", f"{SERVICES}/iam.googleapis.com")["state"] == "ENABLED"
    enabled = google.ok("GET", f"{SERVICES}?filter=state:ENABLED")["services"]
    assert {service["config"]["name"] for service in enabled} == {
        "cloudresourcemanager.googleapis.com",
        "iam.googleapis.com",
        "serviceusage.googleapis.com",
    }
    google.ok("POST", f"{SERVICES}/iam.googleapis.com:disable", {})
    google.refused(403, "PERMISSION_DENIED", "GET", POOLS)


def test_an_unknown_api_cannot_be_enabled(google: InProcess) -> None:
    google.refused(403, "PERMISSION_DENIED", "POST", f"{SERVICES}/none.googleapis.com:enable", {})


def test_a_project_is_described_by_id_and_number_in_both_versions(google: InProcess) -> None:
    for key in (PROJECT, NUMBER):
        assert google.ok("GET", f"/cloudresourcemanager/v1/projects/{key}")["projectNumber"] == NUMBER
        assert google.ok("GET", f"/cloudresourcemanager/v3/projects/{key}")["name"] == f"projects/{NUMBER}"
    google.refused(403, "PERMISSION_DENIED", "GET", "/cloudresourcemanager/v1/projects/none")


def test_a_pool_in_a_project_of_its_own_serves_another() -> None:
    google = in_process(more_projects={"identities": "123"})
    google.ok("POST", "/serviceusage/v1/projects/identities/services/iam.googleapis.com:enable", {})
    pools = "/iam/v1/projects/identities/locations/global/workloadIdentityPools"
    google.ok("POST", f"{pools}?workloadIdentityPoolId=aws-pool", {})
    pool = "projects/123/locations/global/workloadIdentityPools/aws-pool"
    assert google.ok("GET", f"{pools}/aws-pool")["name"] == pool
    google.grant("roles/browser", f"principalSet://iam.googleapis.com/{pool}/attribute.aws_role/reader-role")
    google.refused(404, "NOT_FOUND", "GET", f"{POOLS}/aws-pool")


def test_a_quota_project_needs_the_right_to_use_it(google: InProcess) -> None:
    token = google.account_token("lone-account")
    google.grant("roles/browser", f"serviceAccount:{EMAIL}")
    google.refused(403, "PERMISSION_DENIED", "GET", MANAGER, token=token, x_goog_user_project=PROJECT)
    google.grant("roles/serviceusage.serviceUsageConsumer", f"serviceAccount:{EMAIL}")
    google.ok("GET", MANAGER, token=token, x_goog_user_project=PROJECT)


@pytest.mark.parametrize("path", ["/", "/iam/v1/nothing", "/bigquery/v2/projects", "/iam/v2/" + POOL_NAME])
def test_an_unknown_route_is_not_found_in_googles_shape(google: InProcess, path: str) -> None:
    google.refused(404, "NOT_FOUND", "GET", path)


def test_a_known_path_with_another_verb_is_not_found_either(google: InProcess) -> None:
    google.refused(404, "NOT_FOUND", "DELETE", MANAGER)


@pytest.mark.parametrize("content", ["{", "[]", "null", '"text"'])
def test_a_body_that_is_no_json_object_is_refused(google: InProcess, content: str) -> None:
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    answer = google.http.post(ACCOUNTS, content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ACCOUNTS, {"accountId": "some-account", "serviceAccount": "text"}),
        (ROLES, {"roleId": "some.role", "role": ["text"]}),
        (ROLES, {"roleId": "some.role", "role": {"includedPermissions": "iam.roles.get"}}),
        (f"{SERVICES}:batchEnable", {"serviceIds": "iam.googleapis.com"}),
        (f"{SERVICES}:batchEnable", {"serviceIds": []}),
        (f"{MANAGER}:testIamPermissions", {"permissions": {"a": 1}}),
        (f"{MANAGER}:getIamPolicy", {"options": {"requestedPolicyVersion": "x"}}),
        (f"{POOLS}/aws-pool/providers?workloadIdentityPoolProviderId=new-provider", {"aws": "123456789012"}),
        (f"{CREDENTIALS}:generateAccessToken", {"scope": [CLOUD_PLATFORM], "delegates": "text"}),
    ],
)
def test_a_field_of_another_shape_is_refused(google: InProcess, path: str, body: Json) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", path, body)


def test_a_body_beyond_the_limit_is_refused(google: InProcess) -> None:
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    assert google.http.post(ACCOUNTS, content=b" " * 1024 * 1024 + b"{}", headers=headers).status_code == 413


def test_the_audit_log_tells_who_called_what_and_why_not(google: InProcess) -> None:
    google.call("DELETE", f"{POOLS}/aws-pool", token=google.account_token("lone-account"))
    entry = google.audit()[-1]
    assert entry["service"] == "iam.googleapis.com"
    assert entry["method"] == "google.iam.v1.WorkloadIdentityPools.DeleteWorkloadIdentityPool"
    assert entry["principal"] == EMAIL
    assert entry["delegation"] == "admin@keyless.local"
    assert entry["resource"] == f"projects/{PROJECT}/locations/global/workloadIdentityPools/aws-pool"
    assert entry["status"] == 403
    assert "iam.workloadIdentityPools.delete" in entry["reason"]


def test_the_audit_log_is_for_the_admin_and_goes_on_from_an_index(google: InProcess) -> None:
    google.refused(403, "PERMISSION_DENIED", "GET", "/_local/audit", token=google.account_token("lone-account"))
    google.refused(401, "UNAUTHENTICATED", "GET", "/_local/audit", token="garbage")
    seen = google.ok("GET", "/_local/audit")
    google.ok("GET", MANAGER)
    assert [entry["method"] for entry in google.audit(seen["next"])] == ["GetProject"]


def test_no_token_gets_into_log_or_audit(google: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    token = google.account_token("lone-account")
    google.call("GET", MANAGER, token=token)
    google.call("GET", MANAGER, token="garbage-token")
    told = str(google.audit()) + "".join(capfd.readouterr())
    assert EMAIL in told
    for secret in (token, "garbage-token", ADMIN_TOKEN, "ya29."):
        assert secret not in told


def test_an_expired_token_is_dead(google: InProcess) -> None:
    admin = google.cloud.tokens.authenticate(f"Bearer {ADMIN_TOKEN}")
    token = google.cloud.tokens.issue("ya29.", replace(admin, expires=time.time() - 1))
    answer = google.call("GET", MANAGER, token=token)
    assert answer.status_code == 401
    assert answer.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_EXPIRED"


def test_a_newline_in_a_path_forges_no_log_line(google: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    google.call("GET", f"{POOLS}/aws-pool%0A200%20forged")
    assert len("".join(capfd.readouterr()).splitlines()) == 1
