"""IAM policies: etags, conditions, who may be bound, what a grantor may grant, and the time until a change is seen."""

import base64

import pytest

from local.google.cloud import Settings
from local.google.iam import conditions
from local.google.iam.policies import Binding, Policies
from local.google.iam.principals import federated, service_account
from tests.local.google_fixtures import NUMBER, POOL_NAME, PROJECT, InProcess, Json, in_process

PROJECT_PATH = f"/cloudresourcemanager/v1/projects/{PROJECT}"
GET, SET = f"{PROJECT_PATH}:getIamPolicy", f"{PROJECT_PATH}:setIamPolicy"
OWNER = {"role": "roles/owner", "members": ["user:admin@keyless.local"]}
ONLY_JOB_USER = {
    "title": "only-jobUser",
    "expression": "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['roles/bigquery.jobUser'])",
}


@pytest.fixture
def google() -> InProcess:
    return in_process()


def policy(*bindings: Json, **more: object) -> Json:
    return {"policy": {"version": 3, "bindings": [OWNER, *bindings], **more}}


def test_a_stale_etag_is_refused_as_aborted(google: InProcess) -> None:
    etag = google.ok("POST", GET)["etag"]
    google.ok("POST", SET, policy(etag=etag))
    message = google.refused(409, "ABORTED", "POST", SET, policy(etag=etag))
    assert message.startswith("There were concurrent policy changes.")


def test_an_etag_survives_gclouds_other_base64_alphabet(google: InProcess) -> None:
    for _ in range(20):
        etag = google.ok("POST", GET)["etag"]
        assert not set(etag) & set("+/")
        again = base64.urlsafe_b64encode(base64.b64decode(etag)).decode().rstrip("=")
        google.ok("POST", SET, policy(etag=again))


def test_without_an_etag_the_last_writer_wins(google: InProcess) -> None:
    google.ok("POST", SET, policy())
    google.ok("POST", SET, policy())


def test_conditions_come_back_in_version_3_and_are_only_hinted_at_below(google: InProcess) -> None:
    binding = {"role": "roles/resourcemanager.projectIamAdmin", "members": ["user:x@y.z"], "condition": ONLY_JOB_USER}
    google.ok("POST", SET, policy(binding))
    full = google.ok("POST", GET, {"options": {"requestedPolicyVersion": 3}})
    assert full["version"] == 3
    assert binding in full["bindings"]
    old = google.ok("POST", GET)
    assert old["version"] == 1
    assert any("_withcond_" in entry["role"] for entry in old["bindings"])
    assert not any("condition" in entry for entry in old["bindings"])


def test_a_condition_needs_version_3(google: InProcess) -> None:
    binding = {"role": "roles/browser", "members": ["user:x@y.z"], "condition": ONLY_JOB_USER}
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, {"policy": {"version": 1, "bindings": [OWNER, binding]}})


@pytest.mark.parametrize(
    "expression",
    [
        "api.getAttribute(",
        "unknown == 'x'",
        "'no boolean'",
        "api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(["
        + ",".join(f"'roles/r{n}'" for n in range(11))
        + "])",
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_refused(google: InProcess, expression: str) -> None:
    binding = {
        "role": "roles/browser",
        "members": ["user:x@y.z"],
        "condition": {"title": "t", "expression": expression},
    }
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, policy(binding))


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (f"serviceAccount:nobody@{PROJECT}.iam.gserviceaccount.com", "does not exist."),
        ("allUsers", "cannot be set on this resource"),
        ("nobody", "Invalid policy member"),
        (f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/r", "Identity Pool does not exist"),
        (f"principalSet://iam.googleapis.com/{POOL_NAME}", "Invalid principal"),
        (f"principal://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/r", "Invalid principal"),
    ],
)
def test_members_that_google_does_not_know_are_refused(google: InProcess, member: str, complaint: str) -> None:
    message = google.refused(
        400, "INVALID_ARGUMENT", "POST", SET, policy({"role": "roles/browser", "members": [member]})
    )
    assert complaint in message


def test_a_principal_set_names_the_project_by_number(google: InProcess) -> None:
    google.pool()
    member = f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/r"
    google.grant("roles/browser", member)
    by_id = member.replace(NUMBER, PROJECT)
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, policy({"role": "roles/browser", "members": [by_id]}))


@pytest.mark.parametrize("role", ["roles/none", f"projects/{PROJECT}/roles/none", "roles/bigquery.dataViewer "])
def test_unknown_roles_are_refused(google: InProcess, role: str) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, policy({"role": role, "members": ["user:x@y.z"]}))


def test_a_role_can_only_be_granted_where_it_applies(google: InProcess) -> None:
    email = google.account("aws-bq-reader")
    path = f"/iam/v1/projects/{PROJECT}/serviceAccounts/{email}:setIamPolicy"
    body = {"policy": {"bindings": [{"role": "roles/bigquery.jobUser", "members": ["user:x@y.z"]}]}}
    message = google.refused(400, "INVALID_ARGUMENT", "POST", path, body)
    assert message == "Role roles/bigquery.jobUser is not supported for this resource."


def test_a_bounded_grantor_may_change_only_the_listed_roles(google: InProcess) -> None:
    token = google.account_token("deployer-one")
    deployer = f"serviceAccount:deployer-one@{PROJECT}.iam.gserviceaccount.com"
    google.grant("roles/resourcemanager.projectIamAdmin", deployer, condition=ONLY_JOB_USER)
    before = google.ok("POST", GET, {"options": {"requestedPolicyVersion": 3}}, token=token)

    def changed(role: str) -> Json:
        return {"policy": {**before, "bindings": [*before["bindings"], {"role": role, "members": [deployer]}]}}

    message = google.refused(403, "PERMISSION_DENIED", "POST", SET, changed("roles/owner"), token=token)
    assert "resourcemanager.projects.setIamPolicy" in message
    # Taking a grant away changes it too.
    fewer = {"policy": {**before, "bindings": [b for b in before["bindings"] if b["role"] != "roles/owner"]}}
    google.refused(403, "PERMISSION_DENIED", "POST", SET, fewer, token=token)
    google.ok("POST", SET, changed("roles/bigquery.jobUser"), token=token)


def test_the_bound_is_on_project_grants_and_not_on_a_service_accounts_policy(google: InProcess) -> None:
    token = google.account_token("deployer-one")
    deployer = f"serviceAccount:deployer-one@{PROJECT}.iam.gserviceaccount.com"
    google.grant("roles/iam.serviceAccountAdmin", deployer, condition=ONLY_JOB_USER)
    account = f"/iam/v1/projects/{PROJECT}/serviceAccounts/{google.account('aws-bq-reader')}"
    binding = {"role": "roles/iam.workloadIdentityUser", "members": [deployer]}
    google.ok("POST", f"{account}:setIamPolicy", {"policy": {"bindings": [binding]}}, token=token)


STS_LOGS = {"service": "sts.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]}


def test_audit_configs_change_only_when_the_mask_names_them(google: InProcess) -> None:
    before = google.ok("POST", SET, policy(auditConfigs=[STS_LOGS]))
    assert "auditConfigs" not in before
    alone = {"policy": {"auditConfigs": [STS_LOGS], "etag": before["etag"]}, "updateMask": "auditConfigs,etag"}
    after = google.ok("POST", SET, alone)
    assert after["auditConfigs"] == [STS_LOGS]
    assert after["bindings"] == before["bindings"]
    # A read-modify-write that knows nothing of audit configs leaves them as they are.
    google.ok("POST", SET, policy(etag=after["etag"]))
    assert google.ok("POST", GET)["auditConfigs"] == [STS_LOGS]
    google.refused(409, "ABORTED", "POST", SET, alone)
    google.ok("POST", SET, {"policy": {"bindings": [OWNER]}, "updateMask": "bindings,audit_configs"})
    assert "auditConfigs" not in google.ok("POST", GET)


def test_terraform_writes_the_whole_policy_back_as_it_read_it(google: InProcess) -> None:
    google.ok("POST", SET, {"policy": {"auditConfigs": [STS_LOGS]}, "updateMask": "auditConfigs"})
    read = google.ok("POST", GET, {"options": {"requestedPolicyVersion": 3}})
    added = {"role": "roles/browser", "members": ["user:x@y.z"]}
    body = {"policy": {**read, "bindings": [*read["bindings"], added]}, "updateMask": "bindings,etag,auditConfigs"}
    after = google.ok("POST", SET, body)
    assert added in after["bindings"]
    assert after["auditConfigs"] == [STS_LOGS]
    google.refused(409, "ABORTED", "POST", SET, body)


@pytest.mark.parametrize(
    "config",
    [
        "text",
        {"service": "none.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]},
        {"service": "sts.googleapis.com", "auditLogConfigs": [{"logType": "DATA"}]},
        {"service": "iamcredentials.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ"}]},
        {"service": "sts.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["x"]}]},
    ],
)
def test_audit_configs_that_google_refuses_are_refused(google: InProcess, config: object) -> None:
    body = {"policy": {"auditConfigs": [config]}, "updateMask": "auditConfigs"}
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, body)
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, {"policy": {}, "updateMask": "members"})


def test_a_bounded_grantor_may_switch_audit_logs_on(google: InProcess) -> None:
    token = google.account_token("deployer-one")
    deployer = f"serviceAccount:deployer-one@{PROJECT}.iam.gserviceaccount.com"
    google.grant("roles/resourcemanager.projectIamAdmin", deployer, condition=ONLY_JOB_USER)
    body = {"policy": {"auditConfigs": [STS_LOGS]}, "updateMask": "auditConfigs"}
    assert google.ok("POST", SET, body, token=token)["auditConfigs"] == [STS_LOGS]
    without = google.account_token("deployer-two")
    google.refused(403, "PERMISSION_DENIED", "POST", SET, body, token=without)


def test_data_access_is_logged_where_the_project_says_so(google: InProcess) -> None:
    email = google.account("aws-bq-reader")
    google.grant_on_account(email, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")

    def logged(**exempted: list[str]) -> list[str]:
        logs = {"service": "iam.googleapis.com", "auditLogConfigs": [{"logType": "DATA_READ", **exempted}]}
        body = {"policy": {"auditConfigs": [logs] if on else []}, "updateMask": "auditConfigs"}
        google.ok("POST", SET, body)
        since = google.ok("GET", "/_local/audit")["next"]
        google.impersonate(email, google.token)
        google.ok("POST", GET)
        google.account(f"made-{since:06}")
        entries = google.ok("GET", f"/_local/audit?since={since}&logged=true")["entries"]
        assert len(google.audit(since)) == 3
        return [entry["method"].rpartition(".")[2] for entry in entries]

    on = False
    assert logged() == ["CreateServiceAccount"]
    on = True
    assert logged() == ["GenerateAccessToken", "CreateServiceAccount"]
    assert logged(exemptedMembers=["user:admin@keyless.local"]) == ["CreateServiceAccount"]


@pytest.mark.parametrize(
    "body",
    [
        {"policy": "text"},
        {"policy": {"bindings": "text"}},
        {"policy": {"bindings": ["text"]}},
        {"policy": {"bindings": [{"role": "roles/browser", "members": "user:x@y.z"}]}},
        {"policy": {"bindings": [{"role": "roles/browser", "members": ["user:x@y.z"], "condition": "true"}]}},
    ],
)
def test_a_policy_of_another_shape_is_refused(google: InProcess, body: Json) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", SET, body)


def test_custom_roles_give_just_their_permissions_until_they_are_deleted(google: InProcess) -> None:
    token = google.account_token("deployer-one")
    roles = f"/iam/v1/projects/{PROJECT}/roles"
    permissions = ["iam.serviceAccounts.list"]
    google.ok("POST", roles, {"roleId": "lister", "role": {"title": "L", "includedPermissions": permissions}})
    google.grant(f"projects/{PROJECT}/roles/lister", f"serviceAccount:deployer-one@{PROJECT}.iam.gserviceaccount.com")
    accounts = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
    google.ok("GET", accounts, token=token)
    google.refused(403, "PERMISSION_DENIED", "POST", accounts, {"accountId": "another-one"}, token=token)
    google.ok("DELETE", f"{roles}/lister")
    google.refused(403, "PERMISSION_DENIED", "GET", accounts, token=token)
    google.refused(400, "FAILED_PRECONDITION", "POST", roles, {"roleId": "lister", "role": {}})
    google.ok("POST", f"{roles}/lister:undelete", {})
    google.ok("GET", accounts, token=token)
    google.ok("PATCH", f"{roles}/lister?updateMask=includedPermissions", {"includedPermissions": []})
    google.refused(403, "PERMISSION_DENIED", "GET", accounts, token=token)
    assert google.ok("GET", f"{roles}/lister")["title"] == "L"


@pytest.mark.parametrize("permission", ["iam.serviceAccounts.fly", "resourcemanager.projects.list"])
def test_custom_roles_take_only_permissions_that_google_takes(google: InProcess, permission: str) -> None:
    body = {"roleId": "bad.role", "role": {"includedPermissions": [permission]}}
    message = google.refused(400, "INVALID_ARGUMENT", "POST", f"/iam/v1/projects/{PROJECT}/roles", body)
    assert message == f"Permission {permission} is not valid."


def test_test_iam_permissions_answers_what_the_caller_holds(google: InProcess) -> None:
    asked = {"permissions": ["resourcemanager.projects.get", "iam.serviceAccounts.getAccessToken"]}
    held = google.ok("POST", f"{PROJECT_PATH}:testIamPermissions", asked)
    assert held == {"permissions": ["resourcemanager.projects.get"]}


def test_a_change_reaches_checks_only_after_the_delay() -> None:
    now = 0.0
    policies = Policies(delay=5.0, clock=lambda: now)
    first, second = (Binding("roles/browser", frozenset({member})) for member in ("user:a", "user:b"))
    policies.begin("projects/p", [first])
    policies.set("projects/p", [second])
    assert policies.get("projects/p").bindings == (second,)
    assert policies.visible("projects/p") == (first,)
    now = 5.0
    assert policies.visible("projects/p") == (second,)


def test_a_revoked_grant_lives_on_for_the_delay_too() -> None:
    google = in_process(propagation_delay=3600.0)
    google.ok("POST", SET, {"policy": {"bindings": []}})
    assert "bindings" not in google.ok("POST", GET)


@pytest.mark.parametrize("expression", ["resource.missing == 'x'", "'text'", "nonsense (", "1 / 0 == 1"])
def test_a_condition_without_a_value_does_not_hold(expression: str) -> None:
    assert conditions.holds("resource.name == 'projects/p'", "projects/p")
    assert not conditions.holds(expression, "projects/p")


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("projects/p", "cloudresourcemanager.googleapis.com/Project"),
        ("projects/p/datasets/d", "bigquery.googleapis.com/Dataset"),
        ("projects/p/datasets/d/tables/t", "bigquery.googleapis.com/Table"),
        ("projects/_/buckets/b", "storage.googleapis.com/Bucket"),
        ("projects/_/buckets/b/objects/o/p", "storage.googleapis.com/Object"),
        ("projects/1/secrets/s", "secretmanager.googleapis.com/Secret"),
    ],
)
def test_a_condition_knows_name_type_and_service_of_a_resource(resource: str, kind: str) -> None:
    service = kind.partition("/")[0]
    wanted = f"resource.type == '{kind}' && resource.service == '{service}' && resource.name == '{resource}'"
    assert conditions.holds(wanted, resource)
    assert not conditions.holds(f"resource.type != '{kind}'", resource)


@pytest.mark.parametrize("resource", ["projects/p/serviceAccounts/a@b.c", "projects/p/topics/t"])
def test_what_google_does_not_list_has_no_attributes_to_ask_for(resource: str) -> None:
    assert not conditions.holds("resource.name == resource.name", resource)
    assert conditions.holds("request.time < timestamp('2999-01-01T00:00:00Z')", resource)


def test_all_authenticated_users_are_googles_own_accounts_and_no_federated_ones() -> None:
    assert "allAuthenticatedUsers" in service_account("a@b.c", delegation=None).identifiers
    identity = federated(NUMBER, "aws-pool", "arn", {"aws_role": "r"})
    assert "allUsers" in identity.identifiers
    assert "allAuthenticatedUsers" not in identity.identifiers


def test_settings_do_not_show_the_admin_token() -> None:
    assert "secret-token" not in repr(Settings(aws_endpoint="", admin_token="secret-token"))


def test_a_condition_on_the_time_holds_until_then() -> None:
    assert conditions.holds("request.time < timestamp('2999-01-01T00:00:00Z')", "r")
    assert not conditions.holds("request.time < timestamp('2020-01-01T00:00:00Z')", "r")
