"""The custom resource against the local Google: a stack's life, and what it leaves alone."""

from typing import Any

import pytest

from tests.local.federation_properties import ACCOUNT, REGION, account, provider
from tests.local.federation_stack import Stack
from tests.local.local_google import NUMBER, PROJECT, PROJECT_POLICY, LocalGoogle
from tests.local.proxy import Proxy

USER, CREATOR = "roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"
JOB_USER = "roles/bigquery.jobUser"
ALICE = "user:alice@example.com"


def test_create_makes_the_whole_trust_and_tells_the_audience(google: LocalGoogle) -> None:
    stack = Stack(google, "create")
    answer = stack.send("Create")
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == f"{PROJECT}/pool-create/provider-create/whole"
    assert answer["Data"]["Audience"] == (
        f"//iam.googleapis.com/projects/{NUMBER}/locations/global"
        "/workloadIdentityPools/pool-create/providers/provider-create"
    )
    made = google.call("GET", stack.provider)
    wanted = stack.properties()["Provider"]
    assert made["aws"] == {"accountId": ACCOUNT}
    assert (made["attributeMapping"], made["attributeCondition"]) == (wanted["Mapping"], wanted["Condition"])
    assert google.members(stack.account) == {(USER, stack.principals()), (CREATOR, stack.principals())}
    assert (JOB_USER, stack.member) in google.members()


def test_what_is_made_says_whose_it_is(google: LocalGoogle) -> None:
    stack = Stack(google, "marked")
    stack.succeed("Create")
    owner = f"keyless:{ACCOUNT}/{REGION}/marked"
    assert google.call("GET", stack.pool)["description"] == f"Managed by Keyless. {owner}"
    assert google.call("GET", stack.provider)["description"] == f"Managed by Keyless. {owner}"
    found = google.call("GET", stack.account)["description"]
    assert found == f"Managed by Keyless. {owner}#pool-marked/provider-marked"


def test_an_update_without_a_change_writes_nothing(google: LocalGoogle) -> None:
    stack = Stack(google, "same")
    stack.succeed("Create")
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        assert stack.succeed("Update") == 0
    assert proxy.writes() == []


def test_an_update_costs_one_read_of_each_resource(google: LocalGoogle) -> None:
    accounts = [account(f"aws-many-{number}", "a", "b", "c") for number in range(5)]
    stack = Stack(google, "many").change(ServiceAccounts=accounts, Provider=provider("many", "a", "b", "c"))
    stack.succeed("Create")
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        assert stack.succeed("Update") == 0
    paths = [path for _, path in proxy.calls]
    assert len(paths) == len(set(paths)) == 5 + 6  # APIs, project, pool, provider, accounts, project policy


def test_dropping_a_grant_takes_it_away(google: LocalGoogle) -> None:
    stack = Stack(google, "grants")
    both = ({"Role": JOB_USER}, {"Role": "roles/bigquery.dataViewer"})
    stack.change(ServiceAccounts=[account("aws-grants", "grants-role", grants=both)]).succeed("Create")
    assert ("roles/bigquery.dataViewer", stack.member) in google.members()
    stack.change(ServiceAccounts=[account("aws-grants", "grants-role")])
    assert stack.succeed("Update") == 1
    assert {role for role, member in google.members() if member == stack.member} == {JOB_USER}


def test_renaming_an_account_makes_the_new_and_removes_the_old(google: LocalGoogle) -> None:
    stack = Stack(google, "rename")
    stack.succeed("Create")
    old, old_member = stack.account, stack.member
    stack.change(ServiceAccounts=[account("aws-renamed", "rename-role")]).succeed("Update")
    assert google.find(old) is None
    assert (USER, stack.principals()) in google.members(stack.account)
    members = {member for _, member in google.members()}
    assert stack.member in members
    assert not {member for member in members if old_member in member}


def test_a_rollback_restores_what_was(google: LocalGoogle) -> None:
    stack = Stack(google, "rollback")
    stack.succeed("Create")
    before = (google.call("GET", stack.provider), google.members(stack.account), stack.properties())
    stack.change(Provider=provider("rollback", "other"), ServiceAccounts=[account("aws-rollback", "other")])
    stack.succeed("Update")
    assert google.members(stack.account) == {(USER, stack.principals("other")), (CREATOR, stack.principals("other"))}
    stack.changed = {}
    stack.succeed("Update")
    assert (google.call("GET", stack.provider), google.members(stack.account), stack.properties()) == before


def test_drift_is_mended(google: LocalGoogle) -> None:
    stack = Stack(google, "drift")
    stack.succeed("Create")
    policy = google.call("POST", f"{stack.account}:getIamPolicy", {})
    google.call("POST", f"{stack.account}:setIamPolicy", {"policy": {"etag": policy["etag"], "bindings": []}})
    google.call("PATCH", stack.provider, {"attributeCondition": "true"}, updateMask="attributeCondition")
    assert stack.succeed("Update") == 2
    assert google.call("GET", stack.provider)["attributeCondition"] == stack.properties()["Provider"]["Condition"]
    assert len(google.members(stack.account)) == 2


def test_delete_leaves_nothing_but_the_retained_pool(google: LocalGoogle) -> None:
    stack = Stack(google, "delete")
    stack.succeed("Create")
    member = stack.member
    stack.succeed("Delete")
    assert google.call("GET", stack.pool)["state"] == "ACTIVE"
    assert google.call("GET", stack.provider)["state"] == "DELETED"
    assert google.find(stack.account) is None
    assert not {found for _, found in google.members() if member in found}


def test_deleting_twice_is_fine(google: LocalGoogle) -> None:
    stack = Stack(google, "twice")
    stack.succeed("Create")
    assert stack.succeed("Delete") > 0
    assert stack.succeed("Delete") == 0


def test_a_pool_that_is_not_retained_goes_and_comes_back(google: LocalGoogle) -> None:
    stack = Stack(google, "return").change(Pool={"Id": "pool-return", "DisplayName": "Pool", "Retain": "false"})
    stack.succeed("Create")
    stack.succeed("Delete")
    assert google.call("GET", stack.pool)["state"] == "DELETED"
    stack.physical_id = None
    stack.change(Provider=provider("return", "new-role"), ServiceAccounts=[account("aws-return", "new-role")])
    stack.succeed("Create")
    assert google.call("GET", stack.pool)["state"] == "ACTIVE"
    found = google.call("GET", stack.provider)
    assert (found["state"], found["attributeCondition"]) == ("ACTIVE", stack.properties()["Provider"]["Condition"])


def test_a_pool_with_another_stacks_provider_stays(google: LocalGoogle) -> None:
    pool = {"Id": "pool-shared", "DisplayName": "Pool", "Retain": "false"}
    owner, guest = Stack(google, "landlord").change(Pool=pool), Stack(google, "lodger").change(Pool=pool)
    owner.succeed("Create")
    guest.succeed("Create")
    owner.succeed("Delete")
    assert google.call("GET", guest.provider)["state"] == "ACTIVE"
    assert google.call("GET", guest.pool)["state"] == "ACTIVE"
    assert guest.succeed("Update") == 0
    guest.succeed("Delete")
    assert google.call("GET", guest.pool)["state"] == "ACTIVE"  # only its owner deletes a pool


def test_an_account_made_anew_gets_its_grants_anew(google: LocalGoogle) -> None:
    stack = Stack(google, "anew")
    stack.succeed("Create")
    first = google.call("GET", stack.account)["uniqueId"]
    google.call("DELETE", stack.account)  # by hand: the project's policy keeps a deleted: member
    assert (JOB_USER, f"deleted:{stack.member}?uid={first}") in google.members()
    stack.succeed("Update")
    assert google.call("GET", stack.account)["uniqueId"] != first
    assert {member for _, member in google.members() if stack.email in member} == {stack.member}


def test_what_others_gave_survives_the_whole_life_of_a_stack(google: LocalGoogle) -> None:
    stack = Stack(google, "others")
    google.bind(JOB_USER, ALICE)
    google.bind("roles/viewer", ALICE, title="nights", expression="resource.name.startsWith('nothing')")
    before = google.members()
    stack.succeed("Create")
    google.bind(CREATOR, ALICE, stack.account)
    google.bind(USER, stack.principals("hand-made"), stack.account)
    stack.change(Provider=provider("others", "new"), ServiceAccounts=[account("aws-others", "new")]).succeed("Update")
    assert google.members(stack.account) >= {(CREATOR, ALICE), (USER, stack.principals("hand-made"))}
    stack.succeed("Delete")
    assert google.members() == before
    policy = google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    assert [entry["condition"]["title"] for entry in policy["bindings"] if "condition" in entry] == ["nights"]


def test_a_disabled_provider_is_not_enabled_by_a_deployment(google: LocalGoogle) -> None:
    stack = Stack(google, "stopped")
    stack.succeed("Create")
    google.call("PATCH", stack.provider, {"disabled": True}, updateMask="disabled")
    stack.change(Provider=provider("stopped", "stopped-role", "more")).succeed("Update")
    assert google.call("GET", stack.provider)["disabled"] is True


def test_dataset_grants_come_and_go_beside_those_of_others(google: LocalGoogle) -> None:
    path = google.dataset("sales")
    before = google.call("GET", path)["access"]
    viewer = {"Role": "roles/bigquery.dataViewer", "Project": PROJECT, "Dataset": "sales"}
    stack = Stack(google, "dataset")
    stack.change(ServiceAccounts=[account("aws-dataset", "dataset-role", grants=(viewer,))]).succeed("Create")
    assert {"role": "READER", "userByEmail": stack.email} in google.call("GET", path)["access"]
    assert stack.succeed("Update") == 0  # READER is what dataViewer is called there: no drift
    stack.change(ServiceAccounts=[account("aws-dataset", "dataset-role", grants=())])
    assert stack.succeed("Update") == 1
    assert google.call("GET", path)["access"] == before


def test_a_dataset_grant_goes_with_its_stack(google: LocalGoogle) -> None:
    path = google.dataset("orders")
    before = google.call("GET", path)["access"]
    editor = {"Role": "roles/bigquery.dataEditor", "Dataset": "orders"}
    stack = Stack(google, "editor")
    stack.change(ServiceAccounts=[account("aws-editor", "editor-role", grants=(editor,))]).succeed("Create")
    assert google.call("GET", path)["access"] != before
    stack.succeed("Delete")
    assert google.call("GET", path)["access"] == before


def test_a_missing_dataset_is_told_before_anything_is_made(google: LocalGoogle) -> None:
    grant = {"Role": "roles/bigquery.dataViewer", "Dataset": "nowhere"}
    stack = Stack(google, "nodata").change(ServiceAccounts=[account("aws-nodata", "r", grants=(grant,))])
    reason = stack.fail("Create")
    assert "The dataset keyless-local.nowhere does not exist. Create it first" in reason
    assert google.find(stack.pool) is None


@pytest.mark.parametrize("phase", ["open", "settle"])
def test_each_phase_has_a_physical_id_of_its_own(google: LocalGoogle, phase: str) -> None:
    stack = Stack(google, f"phase-{phase}").change(Phase=phase)
    stack.succeed("Create")
    assert str(stack.physical_id).endswith(f"/{phase}")


def test_a_rollout_lets_old_and_new_in_until_it_is_settled(google: LocalGoogle) -> None:
    opened, settled = Stack(google, "rollout").change(Phase="open"), Stack(google, "rollout").change(Phase="settle")
    opened.succeed("Create")
    assert settled.succeed("Create") == 0
    old = (opened.account, opened.principals("rollout-role"))
    later: dict[str, Any] = {
        "Provider": provider("rollout", "next-role"),
        "ServiceAccounts": [account("aws-rollout-2", "next-role")],
    }
    opened.change(**later).succeed("Update")
    condition = google.call("GET", opened.provider)["attributeCondition"]
    assert condition.endswith("attribute.aws_role in ['next-role', 'rollout-role']")
    assert (USER, old[1]) in google.members(old[0])
    assert (USER, opened.principals("next-role")) in google.members(opened.account)
    settled.change(**later).succeed("Update")
    assert google.call("GET", opened.provider)["attributeCondition"] == later["Provider"]["Condition"]
    assert google.find(old[0]) is None
    assert opened.succeed("Update") == 0
    assert settled.succeed("Update") == 0


def test_the_settling_resource_deletes_nothing_and_the_opening_one_everything(google: LocalGoogle) -> None:
    opened, settled = Stack(google, "ending").change(Phase="open"), Stack(google, "ending").change(Phase="settle")
    opened.succeed("Create")
    settled.succeed("Create")
    assert settled.send("Delete")["Status"] == "SUCCESS"
    assert google.call("GET", opened.provider)["state"] == "ACTIVE"
    opened.succeed("Delete")
    assert google.call("GET", opened.provider)["state"] == "DELETED"
    assert google.find(opened.account) is None


def test_replacing_the_provider_keeps_the_accounts_and_clears_the_old_away(google: LocalGoogle) -> None:
    stack = Stack(google, "replace")
    stack.succeed("Create")
    old_id, old_properties, old_provider = stack.physical_id, stack.properties(), stack.provider
    unique_id = google.call("GET", stack.account)["uniqueId"]
    stack.change(Provider={**provider("replace", "replace-role"), "Id": "provider-next"}).succeed("Update")
    assert stack.physical_id != old_id
    # CloudFormation now deletes the replaced resource, with the properties that it had.
    answer = stack.send("Delete", PhysicalResourceId=old_id, ResourceProperties=old_properties)
    assert answer["Status"] == "SUCCESS"
    assert google.call("GET", old_provider)["state"] == "DELETED"
    assert google.call("GET", stack.provider)["state"] == "ACTIVE"
    assert google.call("GET", stack.account)["uniqueId"] == unique_id
    assert len(google.members(stack.account)) == 2
    assert (JOB_USER, stack.member) in google.members()
    assert stack.succeed("Update") == 0
