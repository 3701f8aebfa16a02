"""Grants on anything, against the local Google: they come and go beside those of others, and cost few calls."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from functions.gcp_federation import handler
from functions.gcp_federation.events import RolledBack
from keyless_federation.model.federation import Federation
from tests.local.federation_properties import ACCOUNT, account, provider
from tests.local.federation_stack import Stack
from tests.local.invocation import LambdaContext
from tests.local.local_google import NUMBER, PROJECT, PROJECT_POLICY, BearerSession, Json, LocalGoogle
from tests.local.places import Place
from tests.local.proxy import Proxy

ALICE = "user:alice@example.com"
USER = "roles/iam.workloadIdentityUser"
NIGHTS = {"Title": "nights", "Expression": "request.time.getHours('Europe/Dublin') < 6", "Description": "only then"}
SHOWN = {"title": NIGHTS["Title"], "expression": NIGHTS["Expression"], "description": NIGHTS["Description"]}
APIS = ["bigquery", "iam", "pubsub", "secretmanager", "storage"]


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """One local Google for the module, with the APIs enabled; every test has names of its own."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        services = [f"{api}.googleapis.com" for api in APIS]
        started.call("POST", f"serviceusage/v1/projects/{PROJECT}/services:batchEnable", {"serviceIds": services})
        yield started


ROLES = {
    "table": "roles/bigquery.dataViewer",
    "bucket": "roles/storage.objectViewer",
    "topic": "roles/pubsub.publisher",
    "secret": "roles/secretmanager.secretAccessor",
    "account": "roles/iam.serviceAccountUser",
}
CONDITIONAL = sorted(ROLES.keys() - {"table", "topic"})


def granting(stack: Stack, *grants: Json) -> Stack:
    """The stack with these grants and no others for its account."""
    return stack.change(ServiceAccounts=[account(f"aws-{stack.name}", f"{stack.name}-role", grants=grants)])


@pytest.mark.parametrize("kind", sorted(ROLES))
def test_grants_come_and_go_beside_those_of_others(google: LocalGoogle, kind: str) -> None:
    place, role, stack = Place(google, kind, f"{kind}-came"), ROLES[kind], Stack(google, f"came-{kind}")
    place.bind(role, ALICE)
    before = place.bindings()
    granting(stack, {"Role": role, **place.grant}).succeed("Create")
    assert place.members(role) == {ALICE, stack.member}
    assert stack.succeed("Update") == 0
    assert granting(stack).succeed("Update") == 1
    assert place.bindings() == before
    granting(stack, {"Role": role, **place.grant}).succeed("Update")
    assert place.members(role) == {ALICE, stack.member}
    stack.succeed("Delete")
    assert place.bindings() == before


@pytest.mark.parametrize("kind", CONDITIONAL)
def test_conditions_are_kept_to_the_letter(google: LocalGoogle, kind: str) -> None:
    place, role, stack = Place(google, kind, f"{kind}-nights"), ROLES[kind], Stack(google, f"nights-{kind}")
    grant = {"Role": role, **place.grant, "Condition": NIGHTS}
    place.bind(role, ALICE)
    before = place.bindings()
    granting(stack, grant, grant).succeed("Create")
    given = {"role": role, "members": [stack.member], "condition": SHOWN}
    assert [entry for entry in place.bindings() if entry not in before] == [given]
    assert stack.succeed("Update") == 0
    later = {**NIGHTS, "Expression": "request.time.getHours('Europe/Dublin') < 7"}
    granting(stack, {**grant, "Condition": later}).succeed("Update")
    moved = {**given, "condition": {**SHOWN, "expression": later["Expression"]}}
    assert [entry for entry in place.bindings() if entry not in before] == [moved]
    stack.succeed("Delete")
    assert place.bindings() == before


def test_a_condition_where_google_takes_none_is_refused_before_anything_is_made(google: LocalGoogle) -> None:
    topic = Place(google, "topic", "never")
    stack = granting(Stack(google, "never"), {"Role": ROLES["topic"], **topic.grant, "Condition": NIGHTS})
    assert "Google takes none in the policy of the topic" in stack.fail("Create")
    assert google.find(stack.pool) is None


def test_a_conditional_dataset_grant_comes_and_goes(google: LocalGoogle) -> None:
    path = google.dataset("nights")
    before = google.call("GET", path, accessPolicyVersion="3")["access"]
    stack = Stack(google, "night-data")
    granting(stack, {"Role": "roles/bigquery.dataViewer", "Dataset": "nights", "Condition": NIGHTS}).succeed("Create")
    added = [entry for entry in google.call("GET", path, accessPolicyVersion="3")["access"] if entry not in before]
    assert [(entry["userByEmail"], entry["condition"]) for entry in added] == [(stack.email, SHOWN)]
    assert stack.succeed("Update") == 0
    stack.succeed("Delete")
    assert google.call("GET", path, accessPolicyVersion="3")["access"] == before


def test_all_that_is_missing_is_told_before_anything_is_made(google: LocalGoogle) -> None:
    google.dataset("empty")
    missing: list[Json] = [
        {"Dataset": "empty", "Table": "none"},
        {"Bucket": "no-such-bucket"},
        {"Resource": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/none"},
        {"Resource": f"//secretmanager.googleapis.com/projects/{PROJECT}/secrets/none"},
        {"ServiceAccount": f"no-such-account@{PROJECT}.iam.gserviceaccount.com"},
    ]
    stack = granting(Stack(google, "missing"), *({"Role": "roles/viewer", **place} for place in missing))
    reason = stack.fail("Create")
    assert reason.count("does not exist. Create it first: Keyless makes grants, not data.") == len(missing)
    assert google.find(stack.pool) is None


@pytest.mark.parametrize("kind", sorted(ROLES))
def test_a_resource_that_was_deleted_by_hand_holds_nothing_up(google: LocalGoogle, kind: str) -> None:
    place, stack = Place(google, kind, f"{kind}-gone"), Stack(google, f"gone-{kind}")
    granting(stack, {"Role": ROLES[kind], **place.grant}).succeed("Create")
    place.remove()
    assert granting(stack).succeed("Update") == 0
    granting(stack, {"Role": "roles/bigquery.jobUser"}).succeed("Update")
    stack.succeed("Delete")


def test_a_resource_that_is_somebody_elses_by_now_is_left_where_that_was_said(google: LocalGoogle) -> None:
    place, stack = Place(google, "bucket", "taken-over"), Stack(google, "taken")
    granting(stack, {"Role": ROLES["bucket"], **place.grant}).succeed("Create")

    def theirs(method: str, path: str) -> Any:
        denied = {"error": {"code": 403, "message": "no storage.buckets.getIamPolicy", "errors": []}}
        return (403, denied) if place.name in path else None

    with Proxy(google.url, theirs).serving() as proxy:
        stack.endpoint = proxy.url
        assert "storage.buckets.getIamPolicy" in granting(stack).fail("Update")
        stack.change(OnUnreachable="leave")
        assert stack.succeed("Update") == 0
        assert stack.succeed("Delete") > 0
    assert place.members(ROLES["bucket"])  # nobody could take it away
    assert google.find(stack.account) is None


@pytest.mark.parametrize("kind", sorted(ROLES))
def test_a_policy_that_changed_in_between_is_read_again(google: LocalGoogle, kind: str) -> None:
    place, stack = Place(google, kind, f"{kind}-race"), Stack(google, f"race-{kind}")
    pending = [ALICE]

    def interfere(method: str, path: str) -> Any:
        writes = path.endswith(":setIamPolicy") or (method == "PUT" and path.endswith("/iam"))
        if writes and place.name in path and pending:
            return lambda: place.bind(ROLES[kind], pending.pop())
        return None

    granting(stack, {"Role": ROLES[kind], **place.grant})
    with Proxy(google.url, interfere).serving() as proxy:
        stack.endpoint = proxy.url
        stack.succeed("Create")
    assert place.members(ROLES[kind]) == {ALICE, stack.member}


def direct(name: str, *grants: Json, **whom: list[str]) -> Json:
    """Direct access for a stack's usual role, or for whom is named."""
    return {**(whom or {"AwsRoles": [f"{name}-role"]}), "Grants": list(grants)}


def test_direct_access_makes_no_account_and_leaves_nothing(google: LocalGoogle) -> None:
    path = google.dataset("straight")
    places = {kind: Place(google, kind, f"{kind}-straight") for kind in sorted(ROLES)}
    before = {kind: place.bindings() for kind, place in places.items()}
    entries, project = google.call("GET", path)["access"], google.members()
    grants = [{"Role": ROLES[kind], **place.grant} for kind, place in places.items()]
    grants += [{"Role": "roles/bigquery.dataViewer", "Dataset": "straight"}, {"Role": "roles/bigquery.jobUser"}]
    stack = Stack(google, "straight").change(ServiceAccounts=[], Direct=[direct("straight", *grants)])
    stack.succeed("Create")
    member = stack.principals()
    assert all(place.members(ROLES[kind]) == {member} for kind, place in places.items())
    assert {"role": "READER", "iamMember": member} in google.call("GET", path)["access"]
    assert ("roles/bigquery.jobUser", member) in google.members()
    assert stack.succeed("Update") == 0
    stack.succeed("Delete")
    assert {kind: place.bindings() for kind, place in places.items()} == before
    assert (google.call("GET", path)["access"], google.members()) == (entries, project)


def test_direct_grants_of_an_update_that_was_rolled_back_are_taken_away(
    google: LocalGoogle, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Place(google, "topic", "regretted")
    opened = Stack(google, "regret").change(Phase="open", ServiceAccounts=[], Direct=[])
    opened.succeed("Create")
    before = {**opened.properties(), "Phase": "settle"}
    opened.change(Direct=[direct("regret", {"Role": ROLES["topic"], **topic.grant})]).succeed("Update")
    attempted = opened.properties()
    assert topic.members(ROLES["topic"]) == {opened.principals()}
    opened.change(Direct=[]).succeed("Update")  # CloudFormation's way back, on which functions may still use it
    assert topic.members(ROLES["topic"]) == {opened.principals()}
    restored = RolledBack(wanted=Federation.from_properties(before), attempted=Federation.from_properties(attempted))
    monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", google.url + "/{service}")
    with BearerSession(google.token) as session:
        handler.settle([restored], LambdaContext(), lambda: session)
    assert topic.bindings() == []


def test_a_principal_is_trusted_by_its_full_arn(google: LocalGoogle) -> None:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/by-arn-role/by-arn"
    topic = Place(google, "topic", "by-arn")
    reader = {**account("aws-by-arn"), "AwsPrincipals": [arn]}
    stack = Stack(google, "by-arn").change(
        ServiceAccounts=[reader],
        Direct=[direct("by-arn", {"Role": ROLES["topic"], **topic.grant}, AwsPrincipals=[arn])],
    )
    stack.succeed("Create")
    pool = f"principal://iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/pool-by-arn"
    member = f"{pool}/subject/{arn}"
    assert (USER, member) in google.members(stack.account)
    assert topic.members(ROLES["topic"]) == {member}
    assert stack.succeed("Update") == 0
    stack.change(ServiceAccounts=[account("aws-by-arn", "by-arn-role")], Direct=[]).succeed("Update")
    assert {found for _, found in google.members(stack.account)} == {stack.principals()}
    assert topic.bindings() == []


def test_stacks_that_give_one_role_the_same_do_not_take_it_from_each_other(google: LocalGoogle) -> None:
    topic = Place(google, "topic", "both")
    grants = [{"AwsRoles": ["both-role"], "Grants": [{"Role": ROLES["topic"], **topic.grant}]}]
    pool = {"Id": "pool-both", "DisplayName": "Pool", "Retain": "true"}
    first, second = (
        Stack(google, name).change(Pool=pool, Provider=provider(name, "both-role"), ServiceAccounts=[], Direct=grants)
        for name in ("both-one", "both-two")
    )
    first.succeed("Create")
    second.succeed("Create")
    first.succeed("Delete")
    assert topic.members(ROLES["topic"]) == {second.principals("both-role")}
    second.succeed("Delete")
    assert topic.bindings() == []


def test_a_neighbour_on_a_later_page_keeps_what_its_role_was_given(google: LocalGoogle) -> None:
    topic = Place(google, "topic", "pages")
    grants = [{"AwsRoles": ["pages-role"], "Grants": [{"Role": ROLES["topic"], **topic.grant}]}]
    stack = Stack(google, "pages").change(ServiceAccounts=[], Direct=grants)
    stack.succeed("Create")
    others = [provider(f"pages-{number:03}") for number in range(100)] + [provider("pages-zz", "pages-role")]
    for other in others:
        body = {"aws": {"accountId": ACCOUNT}, "attributeCondition": other["Condition"]}
        google.call("POST", f"{stack.pool}/providers", body, workloadIdentityPoolProviderId=other["Id"])
    stack.succeed("Delete")
    assert topic.members(ROLES["topic"]) == {stack.principals()}


def test_a_stack_that_was_refused_a_strangers_pool_takes_nothing_from_it(google: LocalGoogle) -> None:
    topic = Place(google, "topic", "strange")
    grants = [{"AwsRoles": ["strange-role"], "Grants": [{"Role": ROLES["topic"], **topic.grant}]}]
    stack = Stack(google, "strange").change(ServiceAccounts=[], Direct=grants)
    parent, pool_id = stack.pool.rsplit("/", 1)
    google.call("POST", parent, {"description": "By hand"}, workloadIdentityPoolId=pool_id)
    body = {"aws": {"accountId": ACCOUNT}, "attributeCondition": "attribute.aws_role.startsWith('strange')"}
    google.call("POST", f"{stack.pool}/providers", body, workloadIdentityPoolProviderId="by-hand")
    topic.bind(ROLES["topic"], stack.principals())
    assert "was not made by Keyless" in stack.fail("Create")
    stack.succeed("Delete")
    assert topic.members(ROLES["topic"]) == {stack.principals()}


def test_logs_of_data_access_are_switched_on_in_a_write_of_their_own_and_left_on(google: LocalGoogle) -> None:
    stack = Stack(google, "logged").change(AuditLogs=["sts.googleapis.com"])
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        stack.succeed("Create")
    stack.endpoint = ""
    assert [path for _, path in proxy.writes()].count(f"/{PROJECT_POLICY}:setIamPolicy") == 2

    def logged() -> list[Json]:
        policy = google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
        found: list[Json] = policy.get("auditConfigs", [])
        return found

    kinds = [{"logType": kind} for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")]
    assert logged() == [{"service": "sts.googleapis.com", "auditLogConfigs": kinds}]
    assert stack.succeed("Update") == 0
    stack.succeed("Delete")
    assert logged() == [{"service": "sts.googleapis.com", "auditLogConfigs": kinds}]


def test_fifty_accounts_with_a_hundred_and_fifty_grants_cost_one_read_and_one_write_of_each_policy(
    google: LocalGoogle,
) -> None:
    places = [Place(google, kind, f"{kind}-many") for kind in ("bucket", "secret", "table", "topic")]
    names = [f"aws-fifty-{number:02}" for number in range(50)]
    accounts = [
        account(name, "fifty-role", grants=tuple({"Role": ROLES[place.kind], **place.grant} for place in chosen))
        for number, name in enumerate(names)
        for chosen in [[places[(number + step) % 4] for step in range(3)]]
    ]
    stack = Stack(google, "fifty").change(ServiceAccounts=accounts)
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        stack.succeed("Create")
    policies = Counter(call for call in proxy.calls if "Policy" in call[1] or call[1].endswith("/iam"))
    assert set(policies.values()) == {1}
    assert len(policies) == 2 * (50 + len(places)) + 1  # the project's policy is read, and stays as it is
    # Each account: asked for by name, made, seen, and its own policy read and written.
    assert len(proxy.calls) <= 50 * 5 + 2 * len(places) + 20
    proxy.calls.clear()
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        assert stack.succeed("Update") == 0
    assert len(proxy.calls) == 50 + len(places) + 6  # APIs, project, pool, provider, accounts, the project's policy
    assert proxy.writes() == []
    proxy.calls.clear()
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        stack.succeed("Delete")
    # The provider, each policy, and the accounts, which are gone only when Google says 404.
    assert sorted(Counter(proxy.writes()).values()) == [1] * (1 + len(places)) + [2] * 50
    assert len([path for _, path in proxy.calls if path.endswith(("IamPolicy", "/iam"))]) == 9


def test_logs_that_google_refuses_cost_no_access(google: LocalGoogle) -> None:
    stack = Stack(google, "refused-logs").change(AuditLogs=["iamcredentials.googleapis.com"])
    assert "Audit config is not supported for service" in stack.fail("Create")
    policy = google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    assert any(stack.member in binding["members"] for binding in policy["bindings"])
    stack.succeed("Delete")


@pytest.mark.parametrize("gone", ["aws-gone", "theirs-gone"])
def test_a_dataset_on_which_a_deleted_account_is_left_can_be_granted_on_and_left(
    google: LocalGoogle, gone: str
) -> None:
    dataset = google.dataset(gone.replace("-", "_"))
    path = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets/{gone.replace('-', '_')}"
    email = f"{gone}@{PROJECT}.iam.gserviceaccount.com"
    google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": gone})
    access = google.call("GET", path)["access"]
    google.call("PATCH", path, {"access": [*access, {"role": "READER", "userByEmail": email}]})
    google.call("DELETE", f"iam/v1/projects/{PROJECT}/serviceAccounts/{email}")
    assert "deleted:" in str(google.call("GET", path)["access"]), dataset
    grant = {"Role": "roles/bigquery.dataViewer", "Dataset": gone.replace("-", "_")}
    stack = Stack(google, f"on-{gone}").change(ServiceAccounts=[account(f"aws-on-{gone}", "on-role", grants=(grant,))])
    stack.succeed("Create")
    assert stack.email in str(google.call("GET", path)["access"])
    stack.succeed("Delete")
    assert stack.email not in str(google.call("GET", path)["access"])
