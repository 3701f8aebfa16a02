"""Deploying again, destroying and coming back: what changes, what stays, and whose it is."""

from collections.abc import Iterator

import pytest

from local import story
from local.clouds import ACCOUNT, PROJECT, Clouds
from local.deployment import STAGE, Deployment, bring_up
from local.invoke import invoke
from local.steps import Steps
from tests.e2e.chain import Chain

POOL = f"/iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-{ACCOUNT}-{STAGE}"
PROVIDER = f"{POOL}/providers/keyless-bigquery-{STAGE}"
READER = f"serviceAccount:aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
PROJECT_POLICY = f"/cloudresourcemanager/v1/projects/{PROJECT}:getIamPolicy"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Clouds of this module's own, as its tests destroy what they deploy; IAM changes take 2 s to be seen."""
    with Clouds.start(tmp_path_factory.mktemp("clouds"), propagation_delay=2.0) as clouds:
        deployment = Deployment(clouds)
        bring_up(deployment, Steps())
        yield deployment


@pytest.fixture(scope="module")
def chain(deployment: Deployment) -> Chain:
    """An administrator's view of Google's side."""
    return Chain(deployment.clouds.environment, "")


def test_a_second_deploy_changes_nothing(deployment: Deployment) -> None:
    since = story.audit(deployment.clouds.environment, since=0)["next"]
    assert "(no changes)" in deployment.deploy()
    assert story.audit(deployment.clouds.environment, since=since)["entries"] == []


def test_a_second_bootstrap_changes_nothing(deployment: Deployment) -> None:
    since = story.audit(deployment.clouds.environment, since=0)["next"]
    before = deployment.settings
    deployment.bootstrap_google()
    entries = story.audit(deployment.clouds.environment, since=since)["entries"]
    changing = ("Create", "Update", "Patch", "Delete", "Set", "Enable")
    assert [e["method"] for e in entries if e["method"].rpartition(".")[2].startswith(changing)] == []
    assert deployment.settings == before


def test_destroying_takes_back_all_but_the_pool(deployment: Deployment, chain: Chain) -> None:
    deployment.destroy()
    assert chain.admin("GET", POOL).body["state"] == "ACTIVE"
    assert chain.admin("GET", PROVIDER).body["state"] == "DELETED"
    accounts = chain.admin("GET", f"/iam/v1/projects/{PROJECT}/serviceAccounts").body["accounts"]
    assert [account["email"].partition("@")[0] for account in accounts] == ["keyless-deployer"]
    members = [m for b in chain.admin("POST", PROJECT_POLICY, {}).body["bindings"] for m in b["members"]]
    assert not [member for member in members if "aws-bq-reader" in member]


def test_it_comes_back_on_the_undeleted_pool(deployment: Deployment, chain: Chain) -> None:
    assert chain.admin("DELETE", POOL).status == 200
    assert chain.admin("GET", POOL).body["state"] == "DELETED"
    deployment.deploy()
    assert chain.admin("GET", POOL).body["state"] == "ACTIVE"
    assert len(invoke({}, deployment.clouds.environment)["rows"]) == 3
