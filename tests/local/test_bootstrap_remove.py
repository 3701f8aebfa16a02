"""`--remove`: all that a bootstrap made goes and nothing else, not while it is needed, and it can come back."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.bootstrap_runs import (
    DEPLOYER,
    DEPLOYER_PATH,
    DEV,
    NOTHING,
    POOL,
    PROVIDER,
    bootstrap,
    bounded_roles,
    only,
    succeed,
)
from tests.local.federation_properties import ACCOUNT
from tests.local.federation_stack import Stack
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.proxy import Proxy
from tests.local.quick_google import quick_google

ROLES = f"iam/v1/projects/{PROJECT}/roles"
ELSEWHERE, ELSEWHERE_NUMBER = "keyless-identities", "915847305512"
HOME = ("--identity-project", ELSEWHERE)
MADE = ("keylessFederation", "keylessProjectGrants", "keylessGrantsOn.bigquery.datasets")


@pytest.fixture
def google() -> Iterator[LocalGoogle]:
    """A fresh local Google with two projects."""
    with quick_google({ELSEWHERE: ELSEWHERE_NUMBER}) as started:
        yield started


def deleted(google: LocalGoogle) -> dict[str, bool]:
    """Which custom roles there are, and whether they are deleted."""
    roles = google.call("GET", ROLES, showDeleted="true").get("roles", [])
    return {role["name"].rpartition("/")[2]: role.get("deleted", False) for role in roles}


def test_everything_that_it_made_goes_and_nothing_else(google: LocalGoogle) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    google.call("POST", ROLES, {"roleId": "keylessGrantsOn.pubsub.topics", "role": {"title": "Somebody's"}})
    google.bind("roles/viewer", "user:alice@example.com")
    before = google.members()
    succeed(google, *DEV, "--grants-on", "bigquery.datasets")
    google.bind("roles/browser", f"serviceAccount:{DEPLOYER}")
    made = google.members()
    told = succeed(google, "--remove", "--dry-run").stderr
    assert "7 steps to take; nothing was changed (--dry-run)." in told
    assert google.members() == made
    with Proxy(google.url).serving() as proxy:
        told = succeed(google, "--remove", url=proxy.url).stderr
    order = [
        f"would delete the provider keyless-bootstrap/aws-{ACCOUNT}",
        f"on the project {PROJECT}: take away projects/{PROJECT}/roles/keylessFederation for serviceAccount:{DEPLOYER}",
        f"would delete the service account {DEPLOYER}",
        "would delete the pool keyless-bootstrap",
        *(f"would delete the role projects/{PROJECT}/roles/{role}" for role in sorted(MADE)),
        "Enabled APIs stay enabled.",
    ]
    assert sorted(order, key=told.index) == order
    assert (google.call("GET", PROVIDER)["state"], google.call("GET", POOL)["state"]) == ("DELETED", "DELETED")
    assert google.find(DEPLOYER_PATH) is None
    assert deleted(google) == {**dict.fromkeys(MADE, True), "keylessGrantsOn.pubsub.topics": False}
    [(role, member)] = google.members() - before  # a person gave it, and Google keeps it for a while
    assert (role, member.startswith(f"deleted:serviceAccount:{DEPLOYER}?uid=")) == ("roles/browser", True)
    assert not any(path.endswith(":disable") for _, path in proxy.writes())
    succeed(google, "--remove")  # takes the dead binding away
    assert google.members() == before
    assert NOTHING in succeed(google, "--remove").stderr


def test_it_is_refused_while_federations_are_left(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    stack = Stack(google, "orphan")
    stack.succeed("Create")
    before = google.members(), google.call("GET", POOL), deleted(google)
    for arguments in (("--remove",), ("--remove", "--dry-run")):
        refused = bootstrap(google, *arguments)
        assert refused.returncode == 1
        owner = f"{ACCOUNT}/eu-west-1/orphan"
        assert (
            f"Federations of this deployer are left in {PROJECT}: the provider pool-orphan/provider-orphan of {owner}; "
            f"the service account aws-orphan@{PROJECT}.iam.gserviceaccount.com of {owner}. Without it, their stacks "
            "could be neither updated nor deleted."
        ) in refused.stderr
        assert "--orphan-federations" in refused.stderr
    assert (google.members(), google.call("GET", POOL), deleted(google)) == before
    succeed(google, "--remove", "--orphan-federations")
    assert google.find(DEPLOYER_PATH) is None
    assert google.call("GET", stack.provider)["state"] == "ACTIVE"
    stack.succeed("Delete")
    assert NOTHING in succeed(google, "--remove").stderr


def test_a_bootstrap_comes_back_after_its_removal(google: LocalGoogle) -> None:
    succeed(google, *DEV, "--stage", "prod", "--grantable-role", "roles/storage.objectViewer")
    first = google.call("GET", DEPLOYER_PATH)["uniqueId"]
    succeed(google, "--remove")
    told = succeed(google, *DEV).stderr
    assert "undelete the pool keyless-bootstrap" in told
    assert f"undelete the provider keyless-bootstrap/aws-{ACCOUNT}" in told
    assert f"undelete the role projects/{PROJECT}/roles/keylessFederation" in told
    assert google.call("GET", DEPLOYER_PATH)["uniqueId"] != first
    assert google.call("GET", PROVIDER)["attributeCondition"].endswith("in ['keyless-federation-dev-eu-west-1']")
    assert bounded_roles(google) == [only("roles/bigquery.jobUser")]  # what was before the removal is forgotten
    assert NOTHING in succeed(google, *DEV).stderr
    assert succeed(google, "--check", *DEV).stdout.endswith("whole and current.\n")


def test_roles_whose_ids_google_blocks_come_back_under_the_next(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    succeed(google, "--remove")
    with Proxy(google.url, blocked).serving() as proxy:
        succeed(google, *DEV, url=proxy.url)
        again = ("keylessFederation_2", "keylessProjectGrants_2")
        assert deleted(google) == {**dict.fromkeys(MADE[:2], True), **dict.fromkeys(again, False)}
        held = {role.rpartition("/")[2] for role, member in google.members() if member == f"serviceAccount:{DEPLOYER}"}
        assert held == set(again)
        assert NOTHING in succeed(google, *DEV, url=proxy.url).stderr
        assert "the custom role keylessFederation_2" in succeed(google, "--check", url=proxy.url).stdout
        told = succeed(google, *DEV, "--grantable-role", "roles/bigquery.user", url=proxy.url).stderr
        assert "roles/bigquery.jobUser stays grantable" in told
        succeed(google, "--remove", url=proxy.url)
    assert set(deleted(google).values()) == {True}
    assert not any(member.startswith("serviceAccount:keyless-deployer") for _, member in google.members())


def blocked(method: str, path: str) -> tuple[int, dict[str, Any]] | None:
    """Google's answers about a role that was deleted more than seven days ago."""
    if not path.endswith((f"/{MADE[0]}:undelete", f"/{MADE[1]}:undelete")):
        return None
    words = "The role cannot be undeleted: it has been marked for deletion."
    return 400, {"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": words}}


def test_a_removal_that_was_cut_short_is_taken_up_again(google: LocalGoogle) -> None:
    succeed(google, *DEV)
    denial = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission denied."}}

    def fault(method: str, path: str) -> tuple[int, dict[str, Any]] | None:
        return (403, denial) if method == "DELETE" and "/serviceAccounts/" in path else None

    with Proxy(google.url, fault).serving() as proxy:
        failed = bootstrap(google, "--remove", url=proxy.url)
    assert failed.returncode == 1
    assert "You need iam.serviceAccounts.delete" in failed.stderr
    assert "4 steps taken." in succeed(google, "--remove").stderr
    assert google.find(DEPLOYER_PATH) is None
    assert NOTHING in succeed(google, "--remove").stderr


def test_a_deployer_that_works_in_other_projects_too_can_stay(google: LocalGoogle) -> None:
    succeed(google, *DEV, *HOME)
    pool, account = (path.replace(PROJECT, ELSEWHERE) for path in (POOL, DEPLOYER_PATH))
    succeed(google, "--remove", *HOME, "--keep-identity")
    assert google.call("GET", pool)["state"] == "ACTIVE"
    assert google.find(account) is not None
    assert set(deleted(google).values()) == {True}
    assert not any("keyless-deployer" in member for _, member in google.members())
    succeed(google, "--remove", *HOME)
    assert google.call("GET", pool)["state"] == "DELETED"
    assert google.find(account) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--remove", *DEV), "for some stages and regions alone there is --withdraw"),
        (("--remove", "--keep-identity"), "--keep-identity needs --identity-project"),
        (("--orphan-federations", *DEV), "--orphan-federations and --keep-identity belong to --remove"),
        (("--withdraw", *DEV, "--grantable-role", "roles/bigquery.user"), "who may not grant a role may not take it"),
        (("--check", "--stage", "dev"), "--stage and --region go together"),
        (("--check", "--dry-run"), "--check changes nothing"),
        (("--check", "--remove"), "not allowed with argument"),
        (("--region", "eu-west-1"), "the following arguments are required: --stage"),
        ((*DEV, "--grants-on", "topics"), "'topics' is none of iam.serviceAccounts, bigquery.datasets, "),
        ((*DEV, "--grants-on", "iam.serviceAccounts"), "belongs to --grants-only"),
        ((*HOME, "--grants-only"), "--grants-only needs a --grantable-role or --grants-on"),
        ((*HOME, *DEV, "--grants-only", "--grants-on", "pubsub.topics"), "and has no stages or regions"),
        (("--grants-only", "--grants-on", "pubsub.topics"), "--grants-only needs the --identity-project"),
        ((*DEV, "--grants-on", "resourcemanager.projects"), "bounded role by role, with --grantable-role"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(arguments: tuple[str, ...], told: str) -> None:
    result = bootstrap(LocalGoogle("http://127.0.0.1:9", "none"), *arguments)
    assert result.returncode == 2
    assert told in " ".join(result.stderr.split())
