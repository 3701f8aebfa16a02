"""`--check`: each thing that can be wrong with a bootstrap is named with what mends it, and nothing is changed."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.bootstrap_runs import (
    DEPLOYER,
    DEPLOYER_PATH,
    DEV,
    POOL,
    PROVIDER,
    SET,
    bootstrap,
    bounded_roles,
    only,
    succeed,
)
from tests.local.federation_properties import ACCOUNT
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.proxy import Proxy
from tests.local.quick_google import quick_google

ROLES = f"iam/v1/projects/{PROJECT}/roles"
WHOLE = "The bootstrap is whole and current."
READING = (
    "iam.roles.list",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "iam.workloadIdentityPoolProviders.get",
    "iam.workloadIdentityPoolProviders.list",
    "iam.workloadIdentityPools.get",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "serviceusage.services.get",
)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """A local Google with a bootstrap."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        succeed(started, *DEV, "--grants-on", "bigquery.datasets")
        yield started


def check(google: LocalGoogle, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the check; it never writes."""
    with Proxy(google.url).serving() as proxy:
        result = bootstrap(google, "--check", *arguments, url=proxy.url, **more)
    assert proxy.writes() == []
    return result


def part(shown: str, name: str) -> list[str]:
    """The lines about one part: its verdict, then facts and problems."""
    lines = shown.splitlines()
    [start] = [number for number, line in enumerate(lines) if line[11:].startswith(name)]
    end = next(number for number in range(start + 1, len(lines)) if not lines[number].startswith(" "))
    return [lines[start].split("  ")[0], *(line.strip() for line in lines[start + 1 : end])]


def mended(google: LocalGoogle, shown: str) -> None:
    """Run what the check says to run, as far as it is the bootstrap; then all is well."""
    [command] = [line.split() for line in shown.splitlines() if line.startswith("    keyless bootstrap ")]
    assert command[:6] == ["keyless", "bootstrap", "--project", PROJECT, "--account", ACCOUNT]
    succeed(google, *command[6:])
    result = check(google)
    assert (result.returncode, WHOLE in result.stdout) == (0, True), result.stdout


def test_a_whole_bootstrap_is_told_part_by_part(google: LocalGoogle) -> None:
    result = check(google, *DEV)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(f"\n{WHOLE}\n")
    assert part(result.stdout, f"the APIs of {PROJECT}") == ["whole"]
    assert part(result.stdout, "the custom role keylessProjectGrants") == ["whole", "1 permissions"]
    assert part(result.stdout, f"the provider aws-{ACCOUNT}") == ["whole", "lets in keyless-federation-dev-eu-west-1"]
    assert part(result.stdout, "who may become keyless-deployer") == [
        "whole",
        "roles/iam.workloadIdentityUser for the AWS role keyless-federation-dev-eu-west-1 (pool keyless-bootstrap)",
    ]
    assert part(result.stdout, f"what keyless-deployer may do in {PROJECT}") == [
        "whole",
        "grant roles/bigquery.jobUser on the project",
        "grant any role on bigquery.datasets",
    ]


def test_rights_to_read_suffice(google: LocalGoogle) -> None:
    role = {"title": "Reader", "includedPermissions": list(READING)}
    google.call("POST", ROLES, {"roleId": "reader", "role": role})
    made = google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "reader"})
    google.bind("roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local", f"iam/v1/{made['name']}")
    scopes = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    path = f"iamcredentials/v1/projects/-/serviceAccounts/{made['email']}:generateAccessToken"
    token = google.call("POST", path, scopes)["accessToken"]
    google.bind(f"projects/{PROJECT}/roles/reader", f"serviceAccount:{made['email']}")
    assert check(google, GOOGLE_OAUTH_ACCESS_TOKEN=token).returncode == 0
    for permission in READING:
        rest = {"includedPermissions": [name for name in READING if name != permission]}
        google.call("PATCH", f"{ROLES}/reader", rest, updateMask="includedPermissions")
        refused = check(google, GOOGLE_OAUTH_ACCESS_TOKEN=token)
        assert refused.returncode == 1
        told = (
            "Check the project's ID"
            if permission.endswith("projects.get")
            else f"You need {permission}: to look, roles/viewer"
        )
        assert told in refused.stderr


def test_stages_regions_and_grants_that_are_asked_for_and_missing_are_named(google: LocalGoogle) -> None:
    stages = ("--stage", "dev", "--stage", "prod", "--region", "eu-west-1")
    asked = (*stages, "--grantable-role", "roles/bigquery.user", "--grants-on", "bigquery.tables")
    result = check(google, *asked)
    assert result.returncode == 1
    assert part(result.stdout, f"the provider aws-{ACCOUNT}") == [
        "not whole",
        "lets in keyless-federation-dev-eu-west-1",
        "! does not let in keyless-federation-prod-eu-west-1: stage prod cannot be deployed in eu-west-1",
    ]
    assert part(result.stdout, "the custom role keylessGrantsOn.bigquery.tables")[-1] == "! missing"
    assert part(result.stdout, f"what keyless-deployer may do in {PROJECT}")[-2:] == [
        "! may not grant roles/bigquery.user on the project",
        "! may not grant on bigquery.tables",
    ]
    mended(google, result.stdout)
    assert check(google, *asked).returncode == 0


def test_custom_roles_lack_and_hold_too_much_by_name(google: LocalGoogle) -> None:
    path = f"{ROLES}/keylessFederation"
    held = [*google.call("GET", path)["includedPermissions"], "iam.roles.create"]
    held.remove("iam.serviceAccounts.create")
    google.call("PATCH", path, {"includedPermissions": held}, updateMask="includedPermissions")
    google.call("DELETE", f"{ROLES}/keylessProjectGrants")
    result = check(google)
    assert result.returncode == 1
    assert part(result.stdout, "the custom role keylessFederation")[-2:] == [
        "! lacks iam.serviceAccounts.create",
        "! holds iam.roles.create, which is too much",
    ]
    assert part(result.stdout, "the custom role keylessProjectGrants")[-1] == "! deleted"
    mended(google, result.stdout)


def test_what_was_disabled_is_named_with_what_enables_it(google: LocalGoogle) -> None:
    for path in (POOL, PROVIDER):
        google.call("PATCH", path, {"disabled": True}, updateMask="disabled")
    google.call("POST", f"{DEPLOYER_PATH}:disable", {})
    result = check(google)
    assert result.returncode == 1
    for name in ("the pool keyless-bootstrap", f"the provider aws-{ACCOUNT}", f"the service account {DEPLOYER}"):
        assert part(result.stdout, name)[-1] == "! disabled"
    enable = [line.strip() for line in result.stdout.splitlines() if line.startswith("    gcloud")]
    assert [line.split(" --")[0].rpartition(" ")[2] for line in enable] == [
        "keyless-bootstrap",
        f"aws-{ACCOUNT}",
        f"{DEPLOYER}",
    ]
    for path in (POOL, PROVIDER):
        google.call("PATCH", path, {"disabled": False}, updateMask="disabled")
    google.call("POST", f"{DEPLOYER_PATH}:enable", {})
    assert check(google).returncode == 0


@pytest.mark.parametrize(
    ("path", "name"), [(POOL, "the pool"), (PROVIDER, "the provider"), (DEPLOYER_PATH, "the service")]
)
def test_what_was_deleted_is_to_be_brought_back(google: LocalGoogle, path: str, name: str) -> None:
    google.call("DELETE", path)
    result = check(google, *DEV)
    assert result.returncode == 1
    words = "create" if path == DEPLOYER_PATH else "undelete"
    assert any(line.startswith(f"! to do: {words} {name}") for line in part(result.stdout, name))
    mended(google, result.stdout)


def test_a_condition_that_lets_in_more_is_seen(google: LocalGoogle) -> None:
    good = google.call("GET", PROVIDER)["attributeCondition"]
    for condition, told in (
        (
            f"true || {good}",
            f"! to do: update attributeCondition of the provider keyless-bootstrap/aws-{ACCOUNT}: {good}",
        ),
        (good.replace("['", "['admin', '"), "! lets in admin, which deploys no stage"),
    ):
        google.call("PATCH", PROVIDER, {"attributeCondition": condition}, updateMask="attributeCondition")
        result = check(google)
        assert result.returncode == 1
        assert told in part(result.stdout, f"the provider aws-{ACCOUNT}")
        mended(google, result.stdout)
        assert google.call("GET", PROVIDER)["attributeCondition"] == good


def test_another_provider_that_opens_the_pool_is_seen(google: LocalGoogle) -> None:
    mapping = {"google.subject": "assertion.arn", "attribute.aws_role": "assertion.arn.extract('assumed-role/{role}/')"}
    body = {"aws": {"accountId": ACCOUNT}, "attributeMapping": mapping}
    name = f"the other providers of {POOL.rpartition('/')[2]}"
    for provider, condition in (("tight", "attribute.aws_role == 'other'"), ("loose", "")):
        tried = {**body, "attributeCondition": condition}
        google.call("POST", f"{POOL}/providers", tried, workloadIdentityPoolProviderId=f"{provider}-neighbour")
    result = check(google)
    assert result.returncode == 1
    told = part(result.stdout, name)
    assert told[:3] == ["not whole", "loose-neighbour", "tight-neighbour"]
    [problem] = told[3:]
    assert problem.startswith("! The provider loose-neighbour of the same pool lets in arn:aws:iam::")
    google.call("DELETE", f"{POOL}/providers/loose-neighbour")
    result = check(google)
    assert (result.returncode, part(result.stdout, name)) == (0, ["whole", "tight-neighbour"])
    google.call("DELETE", f"{POOL}/providers/tight-neighbour")


def test_bindings_that_are_missing_or_too_wide_are_seen(google: LocalGoogle) -> None:
    policy = google.call("POST", f"{DEPLOYER_PATH}:getIamPolicy", {})
    google.call("POST", f"{DEPLOYER_PATH}:setIamPolicy", {"policy": {**policy, "bindings": []}})
    role = f"projects/{PROJECT}/roles/keylessProjectGrants"
    google.bind(role, f"serviceAccount:{DEPLOYER}")
    google.bind("roles/viewer", f"serviceAccount:{DEPLOYER}")
    google.bind("roles/iam.workloadIdentityUser", "user:bob@example.com")
    google.bind("roles/iam.serviceAccountTokenCreator", "user:alice@example.com", DEPLOYER_PATH)
    result = check(google)
    assert result.returncode == 1
    becoming = part(result.stdout, "who may become keyless-deployer")
    assert becoming[1] == "roles/iam.serviceAccountTokenCreator for user:alice@example.com"
    assert "roles/iam.workloadIdentityUser for user:bob@example.com on all accounts of the project" in becoming
    assert becoming[-1].startswith(f"! to do: on the service account {DEPLOYER}: grant roles/iam.workloadIdentityUser")
    doing = part(result.stdout, f"what keyless-deployer may do in {PROJECT}")
    assert f"roles/viewer for serviceAccount:{DEPLOYER} (given by others)" in doing
    assert doing[-1] == f"! to do: on the project {PROJECT}: take away {role} for serviceAccount:{DEPLOYER}"
    mended(google, result.stdout)
    trusted = f"{SET}/attribute.aws_role/keyless-federation-dev-eu-west-1"
    assert ("roles/iam.workloadIdentityUser", trusted) in google.members(DEPLOYER_PATH)
    assert bounded_roles(google) == [only("roles/bigquery.jobUser")]


def test_what_is_not_enabled_and_what_is_not_there_are_told() -> None:
    with quick_google() as google:
        result = check(google)
        assert result.returncode == 1
        assert part(result.stdout, f"the APIs of {PROJECT}")[1:] == [
            f"! not enabled: {api}.googleapis.com" for api in ("iam", "iamcredentials", "sts")
        ]
        assert part(result.stdout, "all else")[1:] == ["! it can be looked at once these APIs are enabled"]
        assert "--stage STAGE --region REGION" in result.stdout
        for api in ("iam", "iamcredentials", "sts"):
            google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/{api}.googleapis.com:enable", {})
        result = check(google)
        assert part(result.stdout, "the provider")[1:] == ["! missing, or lets in no stage"]
        result = check(google, *DEV)
        assert part(result.stdout, "the pool")[1:] == ["! to do: create the pool keyless-bootstrap"]
        mended(google, result.stdout)


def test_what_others_made_is_named() -> None:
    with quick_google() as google:
        google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
        google.call("POST", ROLES, {"roleId": "keylessFederation", "role": {"title": "Mine"}})
        pools = POOL.rpartition("/")[0]
        google.call("POST", pools, {}, workloadIdentityPoolId="keyless-bootstrap")
        result = check(google, *DEV)
    assert result.returncode == 1
    role = part(result.stdout, "the custom role keylessFederation")
    assert "keylessFederation was not made by this bootstrap" in role[-1]
    assert "was not made by Keyless" in part(result.stdout, "whose they are")[1]
