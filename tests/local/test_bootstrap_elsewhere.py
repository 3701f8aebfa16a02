"""`--grants-only`: a deployer that lives with its identities grants in the projects where the data is."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.local.bootstrap_runs import DEPLOYER, DEPLOYER_PATH, DEV, NOTHING, bootstrap, printed, succeed
from tests.local.federation_properties import ACCOUNT, account
from tests.local.federation_stack import Stack
from tests.local.gcloud import Gcloud, needed
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.quick_google import quick_google

DATA, DATA_NUMBER = "keyless-data", "915847305512"
DATA_POLICY = f"cloudresourcemanager/v1/projects/{DATA}"
ASKED = ("--identity-project", PROJECT, "--grants-only")
KINDS = ("--grants-on", "pubsub.topics")
MEMBER = f"serviceAccount:{DEPLOYER}"
TOPIC = f"projects/{DATA}/topics/orders"


@pytest.fixture
def google() -> Iterator[LocalGoogle]:
    """A local Google with a bootstrap in one project, and another project with a topic."""
    with ExitStack() as stack:
        yield start(stack)


def start(stack: ExitStack) -> LocalGoogle:
    """Such a local Google."""
    started = stack.enter_context(quick_google({DATA: DATA_NUMBER}))
    succeed(started, *DEV)
    services = {"serviceIds": ["pubsub.googleapis.com"]}
    started.call("POST", f"serviceusage/v1/projects/{DATA}/services:batchEnable", services)
    started.call("PUT", f"pubsub/v1/{TOPIC}", {})
    return started


def held(google: LocalGoogle) -> set[str]:
    """The custom roles that the deployer has in the project with the data."""
    return {role.rpartition("/")[2] for role, member in google.members(DATA_POLICY) if member == MEMBER}


def granting(google: LocalGoogle, *grants: dict[str, str]) -> Stack:
    """A stack that is deployed as the deployer and grants elsewhere."""
    google.bind("roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local", DEPLOYER_PATH)
    path = f"iamcredentials/v1/projects/-/serviceAccounts/{DEPLOYER}:generateAccessToken"
    token = google.call("POST", path, {"scope": ["https://www.googleapis.com/auth/cloud-platform"]})["accessToken"]
    stack = Stack(google, "far", token=token)
    return stack.change(Apis=["iam.googleapis.com"], ServiceAccounts=[account("aws-far", "far-role", grants=grants)])


def test_each_refusal_names_the_command_for_the_other_project(google: LocalGoogle) -> None:
    project = {"Role": "roles/bigquery.jobUser", "Project": DATA}
    topic = {"Role": "roles/pubsub.publisher", "Resource": f"//pubsub.googleapis.com/{TOPIC}"}
    stack = granting(google, project, topic)
    flags = []
    while (answer := stack.send("Create"))["Status"] == "FAILED":
        assert f" in the project {DATA}; let the bootstrap grant it: " in answer["Reason"]
        told = answer["Reason"].partition("keyless bootstrap ")[2].partition(" (log stream")[0].split()
        assert told[:7] == ["--project", DATA, "--account", ACCOUNT, *ASKED]
        assert told[7:] not in flags
        flags.append(told[7:])
        succeed(google, *told[4:], project=DATA)
    assert sorted(flags) == [["--grantable-role", "roles/bigquery.jobUser"], ["--grants-on", "pubsub.topics"]]
    assert ("roles/bigquery.jobUser", stack.member) in google.members(DATA_POLICY)
    stack.succeed("Delete")
    assert not any(stack.member == member for _, member in google.members(DATA_POLICY))


def test_the_deployer_grants_there_and_administers_nothing(google: LocalGoogle) -> None:
    told = succeed(google, *ASKED, *KINDS, "--grantable-role", "roles/bigquery.user", project=DATA)
    assert held(google) == {"keylessProjectGrants", "keylessGrantsOn.pubsub.topics"}
    assert "service account" not in told.stdout
    assert "any role, to anyone" in told.stdout
    assert NOTHING in succeed(google, *ASKED, *KINDS, project=DATA).stderr
    checked = succeed(google, "--check", *ASKED, *KINDS, project=DATA).stdout
    assert "grant roles/bigquery.user on the project" in checked
    assert "keylessFederation" not in checked
    incomplete = bootstrap(google, "--check", *ASKED, "--grants-on", "storage.buckets", project=DATA)
    assert incomplete.returncode == 1
    command = f"--project {DATA} --account {ACCOUNT} {ASKED[0]} {PROJECT} --grants-on storage.buckets {ASKED[2]}"
    assert f"    keyless bootstrap {command}\n" in incomplete.stdout


def test_it_goes_without_the_deployer(google: LocalGoogle) -> None:
    before = google.members(DATA_POLICY)
    succeed(google, *ASKED, *KINDS, "--grantable-role", "roles/bigquery.user", project=DATA)
    told = succeed(google, "--remove", *ASKED, project=DATA).stderr
    assert "3 steps taken." in told
    assert google.members(DATA_POLICY) == before
    assert google.find(DEPLOYER_PATH) is not None
    assert NOTHING in succeed(google, "--remove", *ASKED, project=DATA).stderr


def test_a_project_with_federations_keeps_the_rights_to_make_them(google: LocalGoogle) -> None:
    succeed(google, *DEV, "--identity-project", PROJECT, project=DATA)
    refused = bootstrap(google, *ASKED, *KINDS, project=DATA)
    assert refused.returncode == 1
    assert f"The deployer makes federations in {DATA}, too: leave out --grants-only" in refused.stderr


@needed
def test_the_script_makes_the_same(google: LocalGoogle, tmp_path: Path) -> None:
    asked = (*ASKED, *KINDS, "--grantable-role", "roles/bigquery.user")
    gcloud = Gcloud(google.url, google.token, DATA, tmp_path)
    ended = gcloud.script(printed("--project", DATA, *asked))
    assert ended.returncode == 0, ended.stderr
    assert NOTHING in succeed(google, *asked, project=DATA).stderr
