"""The bootstrap as an administrator runs it: a command, against the local Google."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.bootstrap_runs import (
    DEPLOYER,
    DEPLOYER_PATH,
    DEV,
    NOTHING,
    ON_DATASETS,
    POOL,
    PROVIDER,
    SET,
    bootstrap,
    bounded_roles,
    only,
    succeed,
)
from tests.local.federation_stack import Stack
from tests.local.local_google import NUMBER, PROJECT, LocalGoogle
from tests.local.proxy import Proxy
from tests.local.quick_google import quick_google


@pytest.fixture
def google() -> Iterator[LocalGoogle]:
    """A fresh local Google: an empty project with no API enabled."""
    with quick_google() as started:
        yield started


def test_bootstrap_makes_the_deployer_and_a_second_run_changes_nothing(google: LocalGoogle) -> None:
    first = succeed(google, *DEV)
    assert f"it may set the policy of every service account of {PROJECT}" in first.stdout.replace("the deployer", "it")
    assert f"Let {PROJECT} hold\nnothing but identities" in first.stdout
    assert f"create the service account {DEPLOYER}" in first.stderr
    role = "keyless-federation-dev-eu-west-1"
    condition = google.call("GET", PROVIDER)["attributeCondition"]
    assert condition.endswith(f"attribute.aws_role in ['{role}']")
    user = "roles/iam.workloadIdentityUser"
    assert google.members(DEPLOYER_PATH) == {(user, f"{SET}/attribute.aws_role/{role}")}
    granted = {role for role, member in google.members() if member == f"serviceAccount:{DEPLOYER}"}
    assert granted == {f"projects/{PROJECT}/roles/{name}" for name in ("keylessFederation", "keylessProjectGrants")}
    assert bounded_roles(google) == [only("roles/bigquery.jobUser")]
    with Proxy(google.url).serving() as proxy:
        second = succeed(google, *DEV, url=proxy.url)
    assert NOTHING in second.stderr
    assert proxy.writes() == []


def test_the_context_is_what_the_cdk_app_takes(google: LocalGoogle) -> None:
    from keyless_cdk.settings import Settings

    shown = succeed(google, *DEV).stdout
    document = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    plain = json.loads(succeed(google, *DEV, "--json").stdout)
    assert document == {"keyless": plain}
    settings = Settings.from_context(plain)
    assert (settings.stage, settings.project_number) == ("dev", NUMBER)
    assert settings.deployer_audience == "//iam.googleapis.com/" + PROVIDER.removeprefix("iam/v1/").replace(
        PROJECT, NUMBER
    )
    assert settings.deployer_service_account == DEPLOYER


def test_one_context_for_each_stage_and_region(google: LocalGoogle) -> None:
    arguments = ("--stage", "dev", "--stage", "prod", "--region", "eu-west-1", "--region", "us-east-1", "--json")
    contexts = [json.loads(line) for line in succeed(google, *arguments).stdout.splitlines()]
    pairs = {(context["stage"], context["region"]) for context in contexts}
    assert pairs == {(stage, region) for stage in ("dev", "prod") for region in ("eu-west-1", "us-east-1")}
    assert len(google.members(DEPLOYER_PATH)) == 4


def test_a_dry_run_tells_the_plan_and_writes_nothing(google: LocalGoogle) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    with Proxy(google.url).serving() as proxy:
        told = succeed(google, *DEV, "--dry-run", url=proxy.url).stderr
    assert proxy.writes() == []
    for words in (
        f"would create the role projects/{PROJECT}/roles/keylessFederation with iam.serviceAccounts.create, ",
        "would create the pool keyless-bootstrap",
        f"would create the service account {DEPLOYER}",
        "for the AWS role keyless-federation-dev-eu-west-1 (pool keyless-bootstrap)",
        "nothing was changed (--dry-run)",
    ):
        assert words in told


def test_a_dry_run_on_an_empty_project_tells_what_it_cannot_know_yet(google: LocalGoogle) -> None:
    told = succeed(google, *DEV, "--dry-run").stderr
    assert "would enable iam.googleapis.com" in told
    assert "what follows can be told once these APIs are enabled" in told


def test_later_stages_regions_and_roles_are_added_to_the_earlier(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    later = ("--stage", "prod", "--region", "eu-central-1", "--grantable-role", "roles/storage.objectViewer")
    told = succeed(google, *later).stderr
    assert "the AWS role keyless-federation-dev-eu-west-1 stays the deployer, too" in told
    condition = google.call("GET", PROVIDER)["attributeCondition"]
    assert condition.endswith("in ['keyless-federation-dev-eu-west-1', 'keyless-federation-prod-eu-central-1']")
    assert len(google.members(DEPLOYER_PATH)) == 2
    assert bounded_roles(google) == [only("roles/bigquery.jobUser", "roles/storage.objectViewer")]
    assert NOTHING in succeed(google, *later).stderr
    assert NOTHING in succeed(google, *DEV).stderr


def test_a_withdrawn_stage_is_gone_and_the_others_stay(google: LocalGoogle) -> None:
    succeed(google, *DEV, *ON_DATASETS, "--grantable-role", "roles/storage.objectViewer")
    prod = ("--stage", "prod", "--region", "eu-west-1")
    before = google.call("GET", PROVIDER), google.members(DEPLOYER_PATH), google.members(), bounded_roles(google)
    assert NOTHING in succeed(google, *prod, "--withdraw").stderr
    succeed(google, *prod)
    assert len(google.members(DEPLOYER_PATH)) == 2
    told = succeed(google, *prod, "--withdraw", "--dry-run").stderr
    assert "take away roles/iam.workloadIdentityUser for the AWS role keyless-federation-prod-eu-west-1" in told
    assert succeed(google, *prod, "--withdraw").stdout == ""
    after = google.call("GET", PROVIDER), google.members(DEPLOYER_PATH), google.members(), bounded_roles(google)
    assert after[0]["attributeCondition"] == before[0]["attributeCondition"]
    assert after[1:3] == before[1:3]
    assert "roles/storage.objectViewer" in after[3][0]
    last = bootstrap(google, *DEV, "--withdraw")
    assert (last.returncode, google.members(DEPLOYER_PATH)) == (1, before[1])
    assert "Nobody would be left to become the deployer: --remove takes all of it away" in last.stderr


def test_more_roles_than_google_can_bound_are_refused(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    roles = [word for number in range(10) for word in ("--grantable-role", f"roles/storage.role{number}")]
    result = bootstrap(google, *DEV, *roles)
    assert result.returncode == 1
    assert "Google bounds a grantor to 10 roles, and with the earlier ones there are 11: " in result.stderr


def test_grants_on_resources_are_allowed_only_when_asked_for(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    role = f"projects/{PROJECT}/roles/keylessGrantsOn.bigquery.datasets"
    assert google.find(f"iam/v1/{role}") is None
    told = succeed(google, *DEV, *ON_DATASETS)
    assert (role, f"serviceAccount:{DEPLOYER}") in google.members()
    assert f"grant any role, to anyone, on each of these resources of {PROJECT}: bigquery.datasets." in told.stdout
    patch = {"includedPermissions": ["bigquery.datasets.get"]}
    google.call("PATCH", f"iam/v1/{role}", patch, updateMask="includedPermissions")
    assert "grants on bigquery.datasets stay allowed" in succeed(google, *DEV, "--grants-on", "bigquery.tables").stderr
    assert (role, f"serviceAccount:{DEPLOYER}") in google.members()  # never taken away unasked, and kept current
    assert "bigquery.datasets.setIamPolicy" in google.call("GET", f"iam/v1/{role}")["includedPermissions"]


def test_drifted_and_deleted_roles_are_mended(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    roles = f"iam/v1/projects/{PROJECT}/roles"
    wanted = google.call("GET", f"{roles}/keylessFederation")["includedPermissions"]
    patch = {"includedPermissions": ["resourcemanager.projects.get", "iam.roles.create"]}
    google.call("PATCH", f"{roles}/keylessFederation", patch, updateMask="includedPermissions")
    google.call("DELETE", f"{roles}/keylessProjectGrants")
    told = succeed(google, *DEV).stderr
    assert "- iam.roles.create" in told
    assert f"undelete the role projects/{PROJECT}/roles/keylessProjectGrants" in told
    assert google.call("GET", f"{roles}/keylessFederation")["includedPermissions"] == wanted
    assert "deleted" not in google.call("GET", f"{roles}/keylessProjectGrants")


def test_a_role_of_others_is_not_taken_over(google: LocalGoogle) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    role = {"title": "Mine", "includedPermissions": ["resourcemanager.projects.get"]}
    google.call("POST", f"iam/v1/projects/{PROJECT}/roles", {"roleId": "keylessFederation", "role": role})
    result = bootstrap(google, *DEV)
    assert result.returncode == 1
    assert "keylessFederation was not made by this bootstrap and is not taken over" in result.stderr
    assert google.find(POOL) is None


def test_what_the_deployer_was_given_by_hand_stays(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    google.bind("roles/viewer", f"serviceAccount:{DEPLOYER}")
    succeed(google, *DEV)
    assert ("roles/viewer", f"serviceAccount:{DEPLOYER}") in google.members()


def test_the_deployer_grants_listed_roles_and_no_others(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    google.bind("roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local", DEPLOYER_PATH)
    path = f"iamcredentials/v1/projects/-/serviceAccounts/{DEPLOYER}:generateAccessToken"
    scope = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    stack = Stack(google, "bounded", token=google.call("POST", path, scope)["accessToken"])
    stack.change(Apis=["bigquery.googleapis.com"])
    stack.succeed("Create")
    accounts = stack.properties()["ServiceAccounts"]
    accounts[0]["Grants"].append({"Role": "roles/storage.objectViewer"})
    stack.change(ServiceAccounts=accounts)
    assert "--grantable-role roles/bigquery.jobUser" not in (reason := stack.fail("Update"))
    assert f"--project {PROJECT}" in reason
    assert "--grantable-role roles/storage.objectViewer" in reason
    succeed(google, *DEV, "--grantable-role", "roles/storage.objectViewer")
    stack.succeed("Update")
    # What a person gave beyond that is not the stack's to take away.
    google.bind("roles/viewer", stack.member)
    google.bind("roles/bigquery.user", stack.member)
    succeed(google, *DEV, "--grantable-role", "roles/bigquery.user")
    accounts[0]["Grants"].pop()
    stack.succeed("Update")
    held = {role for role, member in google.members() if member == stack.member}
    assert held == {"roles/bigquery.jobUser", "roles/viewer", "roles/bigquery.user"}
    # As the account goes, what may be taken away goes before it, and the rest does not stand in the way.
    stack.succeed("Delete")
    left = {role for role, member in google.members() if stack.email in member}
    assert left == {"roles/viewer"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--stage", "Dev", "--region", "eu-west-1"), "argument --stage: 'Dev' is not 1-9 lower-case letters"),
        (("--stage", "dev", "--region", "Dublin"), "argument --region: 'Dublin' is not an AWS region"),
        ((*DEV, "--account", "12"), "argument --account: '12' is not an AWS account number, 12 digits"),
        ((*DEV, "--grantable-role", "jobUser"), "'jobUser' is not an IAM role such as roles/bigquery.jobUser"),
    ],
)
def test_wrong_arguments_are_told(arguments: tuple[str, ...], told: str) -> None:
    result = bootstrap(LocalGoogle("http://127.0.0.1:9", "none"), *arguments)
    assert result.returncode == 2
    assert told in result.stderr


def test_what_an_administrator_lacks_is_told_with_what_to_do(google: LocalGoogle) -> None:
    expired = bootstrap(google, *DEV, GOOGLE_OAUTH_ACCESS_TOKEN="expired")
    nobody = bootstrap(google, *DEV, GOOGLE_OAUTH_ACCESS_TOKEN="")
    nowhere = bootstrap(google, *DEV, project="no-such-project")
    assert [result.returncode for result in (expired, nobody, nowhere)] == [1, 1, 1]
    assert "Google does not take the token in GOOGLE_OAUTH_ACCESS_TOKEN: it may have expired" in expired.stderr
    assert "gcloud auth application-default login" in nobody.stderr
    assert nowhere.stderr == (
        "bootstrap: Could not read the project no-such-project: Google answered 403 PERMISSION_DENIED: The caller "
        "does not have permission. Check the project's ID, and that you may see it.\n"
    )
    assert google.token not in expired.stderr + nobody.stderr + nowhere.stderr


def test_a_refusal_names_the_permission(google: LocalGoogle) -> None:
    denial = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission denied."}}

    def fault(method: str, path: str) -> tuple[int, dict[str, Any]] | None:
        return (403, denial) if method == "POST" and path.endswith("/roles") else None

    with Proxy(google.url, fault).serving() as proxy:
        result = bootstrap(google, *DEV, url=proxy.url)
    assert result.returncode == 1
    assert "You need iam.roles.create: roles/owner of the project will do, or together" in result.stderr
