"""Whose it is: what a stack takes over when it is told to, what it shares, and what it never touches."""

from collections.abc import Iterator
from typing import Any

import pytest

from keyless_federation.model.condition import NOBODY
from tests.local.federation_properties import ACCOUNT, REGION, account, provider
from tests.local.federation_stack import Stack
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.proxy import Proxy

USER, CREATOR = "roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"
JOB_USER, VIEWER = "roles/bigquery.jobUser", "roles/bigquery.dataViewer"
ADOPTED = f"keyless-adopted:{ACCOUNT}/{REGION}/"


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """One local Google for the module; every test has names of its own."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        started.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
        yield started


def by_hand(google: LocalGoogle, stack: Stack, **provider_fields: Any) -> None:
    """What somebody made of these names, following an article: pool, provider and account, with trust and a grant."""
    parent, pool_id = stack.pool.rsplit("/", 1)
    google.call("POST", parent, {"description": "For AWS", "displayName": "AWS"}, workloadIdentityPoolId=pool_id)
    parent, provider_id = stack.provider.rsplit("/", 1)
    body = {"aws": {"accountId": ACCOUNT}, "attributeCondition": "attribute.aws_role == 'by-hand'", **provider_fields}
    body.setdefault("attributeMapping", stack.properties()["Provider"]["Mapping"])
    google.call("POST", parent, body, workloadIdentityPoolProviderId=provider_id)
    name = stack.email.partition("@")[0]
    texts = {"displayName": "Reads", "description": "Ask Alice"}
    google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": name, "serviceAccount": texts})
    google.bind(VIEWER, stack.member)
    google.bind(USER, stack.principals("by-hand"), stack.account)


def test_without_being_told_to_it_takes_over_nothing_and_says_how(google: LocalGoogle) -> None:
    stack = Stack(google, "untold")
    by_hand(google, stack)
    with Proxy(google.url).serving() as proxy:
        stack.endpoint = proxy.url
        reason = stack.fail("Create")
    assert "The pool pool-untold of the project keyless-local was not made by Keyless and is not taken over" in reason
    assert "The provider pool-untold/provider-untold was not made by Keyless and is not taken over" in reason
    assert f"The service account {stack.email} was not made by Keyless and is not taken over" in reason
    assert reason.count("adopt=True") == 3
    assert proxy.writes() == []


def test_adopting_marks_everything_and_keeps_texts_and_other_peoples_grants(
    google: LocalGoogle, caplog: pytest.LogCaptureFixture
) -> None:
    stack = Stack(google, "adopt").change(Adopt="true")
    by_hand(google, stack)
    unique_id = google.call("GET", stack.account)["uniqueId"]
    stack.succeed("Create")
    pool, found = google.call("GET", stack.pool), google.call("GET", stack.account)
    assert (pool["displayName"], pool["description"]) == ("AWS", f"For AWS {ADOPTED}adopt")
    assert google.call("GET", stack.provider)["attributeCondition"] == stack.properties()["Provider"]["Condition"]
    assert (found["uniqueId"], found["displayName"]) == (unique_id, "Reads")
    assert found["description"] == f"Ask Alice {ADOPTED}adopt#pool-adopt/provider-adopt"
    assert google.members(stack.account) == {
        (USER, stack.principals()),
        (CREATOR, stack.principals()),
        (USER, stack.principals("by-hand")),
    }
    assert {(JOB_USER, stack.member), (VIEWER, stack.member)} <= google.members()
    assert stack.succeed("Update") == 0
    for what in ("the pool pool-adopt", "the provider pool-adopt/provider-adopt", f"the service account {stack.email}"):
        assert f"adopt {what}, which was not made by Keyless" in caplog.text


def test_what_was_adopted_outlives_the_stack_without_what_the_stack_gave(google: LocalGoogle) -> None:
    stack = Stack(google, "outlive").change(Adopt="true", Pool={"Id": "pool-outlive", "Retain": "false"})
    by_hand(google, stack)
    stack.succeed("Create")
    stack.succeed("Delete")
    assert google.call("GET", stack.pool)["state"] == "ACTIVE"
    provider = google.call("GET", stack.provider)
    assert (provider["state"], provider["attributeCondition"], "description" in provider) == ("ACTIVE", NOBODY, False)
    found = google.call("GET", stack.account)
    assert (found["description"], found["displayName"]) == ("Ask Alice", "Reads")
    assert google.members(stack.account) == {(USER, stack.principals("by-hand"))}
    assert {role for role, member in google.members() if member == stack.member} == {VIEWER}
    assert stack.succeed("Delete") == 0
    stack.physical_id = None
    stack.succeed("Create")  # nobody's again, so it can be adopted again
    assert google.call("GET", stack.account)["description"].endswith("#pool-outlive/provider-outlive")
    assert google.call("GET", stack.provider)["attributeCondition"] == stack.properties()["Provider"]["Condition"]
    stack.succeed("Delete")


def test_an_adopted_account_that_is_dropped_is_let_go_by_the_update(google: LocalGoogle) -> None:
    stack = Stack(google, "dropped").change(Adopt="true")
    by_hand(google, stack)
    stack.succeed("Create")
    old, old_member, principals = stack.account, stack.member, stack.principals()
    stack.change(ServiceAccounts=[account("aws-instead", "dropped-role")]).succeed("Update")
    assert google.call("GET", old)["description"] == "Ask Alice"
    assert (USER, principals) not in google.members(old)
    assert {role for role, member in google.members() if member == old_member} == {VIEWER}


def test_a_first_deployment_that_fails_leaves_all_that_was_adopted_as_it_was(google: LocalGoogle) -> None:
    stack = Stack(google, "unlucky").change(Adopt="true", Phase="open")
    listed = f"assertion.account == '{ACCOUNT}' && attribute.aws_role in ['by-hand']"
    by_hand(google, stack, attributeCondition=listed)
    google.bind(USER, stack.principals(), stack.account)  # what the stack is to give was there before
    google.bind(JOB_USER, stack.member)
    before = (google.members(), google.members(stack.account), google.call("GET", stack.account))
    stack.succeed("Create")
    assert "'unlucky-role'" in google.call("GET", stack.provider)["attributeCondition"]
    stack.succeed("Delete")
    assert before == (google.members(), google.members(stack.account), google.call("GET", stack.account))
    assert google.call("GET", stack.provider)["attributeCondition"] == listed


def test_an_account_with_more_than_its_marker_can_remember_keeps_everything(google: LocalGoogle) -> None:
    stack = Stack(google, "much").change(Adopt="true")
    by_hand(google, stack)
    google.call("PATCH", stack.account, {"serviceAccount": {"description": "t" * 190}, "updateMask": "description"})
    google.bind(JOB_USER, stack.member)
    stack.succeed("Create")
    assert f" keyless-adopted+*:{ACCOUNT}" in google.call("GET", stack.account)["description"]
    stack.succeed("Delete")
    assert (JOB_USER, stack.member) in google.members()


def test_settling_leaves_an_adopted_account_the_trust_that_others_gave(google: LocalGoogle) -> None:
    opened, settled = (Stack(google, "trusted").change(Adopt="true", Phase=phase) for phase in ("open", "settle"))
    listed = f"assertion.account == '{ACCOUNT}' && attribute.aws_role in ['by-hand']"
    by_hand(google, opened, attributeCondition=listed)
    google.bind(CREATOR, opened.principals(), opened.account)
    accounts = [{**account("aws-trusted", "trusted-role"), "Impersonation": [USER]}]
    opened.change(ServiceAccounts=accounts).succeed("Create")
    settled.change(ServiceAccounts=accounts).succeed("Create")
    assert google.call("GET", opened.provider)["attributeCondition"] == opened.properties()["Provider"]["Condition"]
    theirs = {(CREATOR, opened.principals()), (USER, opened.principals("by-hand"))}
    assert google.members(opened.account) == {*theirs, (USER, opened.principals())}
    opened.succeed("Delete")
    assert google.members(opened.account) == theirs


def test_a_dataset_keeps_what_others_gave_an_adopted_account(google: LocalGoogle) -> None:
    path = google.dataset("adopting")
    stack = Stack(google, "reader").change(Adopt="true")
    by_hand(google, stack)
    theirs = {"role": "WRITER", "userByEmail": stack.email}
    google.call("PATCH", path, {"access": [*google.call("GET", path)["access"], theirs]})
    grant = {"Role": VIEWER, "Dataset": "adopting"}
    stack.change(ServiceAccounts=[account("aws-reader", "reader-role", grants=(grant,))]).succeed("Create")
    stack.succeed("Delete")
    access = google.call("GET", path)["access"]
    assert theirs in access
    assert {"role": "READER", "userByEmail": stack.email} not in access


def test_adopting_takes_nothing_from_another_stack(google: LocalGoogle) -> None:
    owner = Stack(google, "owner")
    owner.succeed("Create")
    thief = Stack(google, "thief").change(
        Adopt="true",
        Pool=owner.properties()["Pool"],
        Provider=owner.properties()["Provider"],
        ServiceAccounts=owner.properties()["ServiceAccounts"],
    )
    reason = thief.fail("Create")
    assert f"belongs to {ACCOUNT}/{REGION}/owner and is not taken over" in reason
    assert f"belongs to {ACCOUNT}/{REGION}/owner#pool-owner/provider-owner and is not taken over" in reason
    assert "remove the marker from its description, if that stack is gone" in reason
    assert owner.succeed("Update") == 0


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ({"aws": {"accountId": "999988887777"}}, "is the AWS account 999988887777's"),
        ({"aws": {"accountId": ACCOUNT}, "attributeMapping": {"google.subject": "assertion.arn"}}, ""),
    ],
)
def test_only_a_provider_of_the_same_aws_account_is_adopted(google: LocalGoogle, others: Any, told: str) -> None:
    stack = Stack(google, f"account-{len(told)}").change(Adopt="true")
    by_hand(google, stack, attributeCondition="", **others)
    if told:
        assert told in stack.fail("Create")
    else:
        stack.succeed("Create")


def test_a_pool_where_others_have_equal_role_names_is_not_adopted(google: LocalGoogle) -> None:
    stack = Stack(google, "crowded").change(Adopt="true")
    by_hand(google, stack)
    body = {"aws": {"accountId": "999988887777"}}  # with Google's own mapping, which has attribute.aws_role
    google.call("POST", f"{stack.pool}/providers", body, workloadIdentityPoolProviderId="provider-foreign")
    reason = stack.fail("Create")
    assert "cannot be adopted: its provider provider-foreign lets the AWS account 999988887777 in" in reason
    assert "keyless" not in google.call("GET", stack.pool)["description"]


def test_an_adoption_that_was_cut_short_is_finished_or_let_go(google: LocalGoogle) -> None:
    refusal = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "No."}}
    stack = Stack(google, "halfway").change(Adopt="true")
    by_hand(google, stack)
    with Proxy(google.url).serving() as proxy:
        proxy.fault = lambda method, path: (400, refusal) if path.endswith("gserviceaccount.com:setIamPolicy") else None
        stack.endpoint = proxy.url
        answer = stack.send("Create")
    assert answer["Status"] == "FAILED"
    stack.endpoint, stack.physical_id = google.url, answer["PhysicalResourceId"]
    stack.succeed("Delete")
    assert google.call("GET", stack.account)["description"] == "Ask Alice"
    assert google.members(stack.account) == {(USER, stack.principals("by-hand"))}


def test_two_stacks_of_one_pool_neither_see_nor_harm_each_other(google: LocalGoogle) -> None:
    pool = {"Id": "pool-common", "DisplayName": "Pool", "Retain": "false"}
    first, second = Stack(google, "first").change(Pool=pool), Stack(google, "second").change(Pool=pool)
    first.succeed("Create")
    second.succeed("Create")
    untouched = (google.call("GET", first.provider), google.call("GET", first.account), google.members(first.account))
    second.change(ServiceAccounts=[account("aws-second", "second-role", "more")]).succeed("Update")
    second.succeed("Delete")
    assert untouched == (
        google.call("GET", first.provider),
        google.call("GET", first.account),
        google.members(first.account),
    )
    assert (JOB_USER, first.member) in google.members()
    assert first.succeed("Update") == 0
    first.succeed("Delete")
    assert google.call("GET", first.pool)["state"] == "DELETED"


def test_only_the_pools_owner_pulls_its_brake(google: LocalGoogle) -> None:
    owner = Stack(google, "brake")
    owner.succeed("Create")
    pool = {**owner.properties()["Pool"], "Disabled": "true"}
    guest = Stack(google, "guest").change(Pool=pool)
    assert f"belongs to {ACCOUNT}/{REGION}/brake: only that stack disables and enables it" in guest.fail("Create")
    assert "disabled" not in google.call("GET", owner.pool)
    owner.change(Pool=pool).succeed("Update")
    assert google.call("GET", owner.pool)["disabled"] is True


def test_an_account_that_another_made_anew_under_its_name_is_not_ours(google: LocalGoogle) -> None:
    stack = Stack(google, "reborn")
    stack.succeed("Create")
    google.call("DELETE", stack.account)
    made = {"accountId": "aws-reborn", "serviceAccount": {"displayName": "Theirs"}}
    google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", made)
    theirs = google.call("GET", stack.account)
    assert "was not made by Keyless and is not taken over" in stack.fail("Update")
    stack.succeed("Delete")
    assert google.call("GET", stack.account) == theirs


def test_an_account_that_is_replaced_during_a_deletion_survives_it(google: LocalGoogle) -> None:
    stack = Stack(google, "swapped")
    stack.succeed("Create")

    def swap() -> None:
        google.call("DELETE", stack.account)
        google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "aws-swapped"})

    once = [swap]
    with Proxy(google.url).serving() as proxy:
        accounts = f"/iam/v1/projects/{PROJECT}/serviceAccounts/"
        proxy.fault = lambda method, path: (
            once.pop() if once and method == "DELETE" and path.startswith(accounts) else None
        )
        stack.endpoint = proxy.url
        stack.succeed("Delete")
    assert once == []
    assert "description" not in google.call("GET", stack.account)
    assert not any(path.endswith(":undelete") and "serviceAccounts" in path for _, path in proxy.calls)


def test_the_pools_own_text_stands_beside_the_marker(google: LocalGoogle) -> None:
    stack = Stack(google, "texts")
    texts = {"Description": "Lambdas of the data team"}
    stack.change(Pool={"Id": "pool-texts", **texts}, Provider={**provider("texts", "texts-role"), **texts})
    stack.succeed("Create")
    marked = f"Lambdas of the data team keyless:{ACCOUNT}/{REGION}/texts"
    assert google.call("GET", stack.pool)["description"] == marked
    assert google.call("GET", stack.provider)["description"] == marked
    assert stack.succeed("Update") == 0
    stack.changed = {}
    stack.succeed("Update")
    managed = f"Managed by Keyless. keyless:{ACCOUNT}/{REGION}/texts"
    assert google.call("GET", stack.provider)["description"] == managed


def test_a_replaced_federation_takes_its_adopted_account_along(google: LocalGoogle) -> None:
    stack = Stack(google, "moving").change(Adopt="true")
    by_hand(google, stack)
    stack.succeed("Create")
    old_id, old_properties = stack.physical_id, stack.properties()
    stack.change(Provider={**provider("moving", "moving-role"), "Id": "provider-next"}).succeed("Update")
    stack.send("Delete", PhysicalResourceId=old_id, ResourceProperties=old_properties)
    assert google.call("GET", stack.account)["description"] == f"Ask Alice {ADOPTED}moving#pool-moving/provider-next"
    assert (JOB_USER, stack.member) in google.members()
    assert stack.succeed("Update") == 0
    stack.succeed("Delete")
    assert google.call("GET", stack.account)["description"] == "Ask Alice"


def test_what_was_granted_directly_goes_with_a_first_deployment_that_adopted_half(google: LocalGoogle) -> None:
    refusal = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "No."}}
    path = google.dataset("half")
    direct = {"AwsRoles": ["half-role"], "Grants": [{"Role": VIEWER, "Dataset": "half"}]}
    stack = Stack(google, "half").change(Adopt="true", Direct=[direct])
    by_hand(google, stack)
    with Proxy(google.url).serving() as proxy:
        proxy.fault = lambda method, path: (400, refusal) if path.endswith("gserviceaccount.com:setIamPolicy") else None
        stack.endpoint = proxy.url
        answer = stack.send("Create")
    assert answer["Status"] == "FAILED"
    stack.endpoint, stack.physical_id = google.url, answer["PhysicalResourceId"]
    stack.succeed("Delete")
    assert not any("half-role" in entry.get("iamMember", "") for entry in google.call("GET", path)["access"])


def test_the_brakes_of_a_deleted_stack_do_not_hold_its_successor(google: LocalGoogle) -> None:
    stack = Stack(google, "braked")
    usual = stack.properties()
    brake = {"Disabled": "true"}
    pool = {**usual["Pool"], "Retain": "false"}
    stack.change(Pool={**pool, **brake}, Provider={**usual["Provider"], **brake}).succeed("Create")
    assert google.call("GET", stack.provider)["disabled"]
    stack.succeed("Delete")
    stack.physical_id = None
    stack.change(Pool=pool, Provider=usual["Provider"]).succeed("Create")
    for path in (stack.pool, stack.provider):
        found = google.call("GET", path)
        assert (found["state"], found.get("disabled", False)) == ("ACTIVE", False)


def test_a_deletion_of_an_adopted_provider_that_is_cut_short_takes_direct_grants_away_at_last(
    google: LocalGoogle,
) -> None:
    refusal = {"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": "No."}}
    path = google.dataset("cut")
    direct = {"AwsRoles": ["cut-role"], "Grants": [{"Role": VIEWER, "Dataset": "cut"}]}
    stack = Stack(google, "cut").change(Adopt="true", Direct=[direct], ServiceAccounts=[])
    by_hand(google, stack.change(ServiceAccounts=[account("aws-cut")]))
    stack.change(ServiceAccounts=[]).succeed("Create")
    with Proxy(google.url).serving() as proxy:
        proxy.fault = lambda method, at: (400, refusal) if (method, at) == ("PATCH", f"/{path}") else None
        stack.endpoint = proxy.url
        stack.fail("Delete")
    assert google.call("GET", stack.provider)["attributeCondition"] == NOBODY
    stack.endpoint = google.url
    stack.succeed("Delete")
    assert not any("cut-role" in entry.get("iamMember", "") for entry in google.call("GET", path)["access"])
    assert "description" not in google.call("GET", stack.provider)
