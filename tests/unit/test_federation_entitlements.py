"""The plan of who gets which role where: direct access, grants on anything, and what is left to others."""

from dataclasses import replace
from typing import Any

import pytest

from keyless_federation.actual import Actual
from keyless_federation.errors import OwnershipError
from keyless_federation.model.federation import Phase
from keyless_federation.model.grants import Condition, Direct, Grant
from keyless_federation.model.targets import Target, bucket, service_account, table
from keyless_federation.plan import plan
from keyless_federation.policies.entitlements import concerned, left
from tests.unit.test_federation_plan import (
    EMAIL,
    POOL_SET,
    PROJECT,
    READER,
    SALES,
    USER,
    WANTED,
    nothing,
    policy,
    there,
    words,
)

TOPIC = Target("//pubsub.googleapis.com/projects/p-project/topics/orders")
BUCKET, ORDERS = bucket("exports"), table("p-project", "sales", "orders")
ARN = "arn:aws:sts::111122223333:assumed-role/web/fn"
SUBJECT = POOL_SET.replace("principalSet", "principal").replace("attribute.aws_role", f"subject/{ARN}")
PUBLISHER = Grant(role="roles/pubsub.publisher", on=TOPIC)
NIGHTS = Condition("nights", "request.time.getHours('Europe/Dublin') < 6")
DIRECT = replace(
    WANTED, accounts=(), direct=(Direct(aws_roles=("web",), grants=(VIEWER := READER.grants[1], PUBLISHER)),)
)
GIVEN = "roles/pubsub.publisher for the AWS role web (pool pool)"


def policies(**changes: Any) -> Actual:
    """All is well with a direct access to topic and dataset."""
    has = {
        PROJECT: {},
        SALES: {"access": [{"role": "READER", "iamMember": f"{POOL_SET}/web"}]},
        TOPIC: policy(("roles/pubsub.publisher", f"{POOL_SET}/web"), ("roles/pubsub.publisher", "user:alice@x.y")),
    }
    return there(**{"accounts": {}, "ours": frozenset(), "policies": has, "previous": DIRECT, **changes})


def test_direct_access_binds_the_role_itself_and_makes_no_account() -> None:
    assert words(DIRECT, nothing(policies={PROJECT: {}, SALES: {}, TOPIC: {}}, provider=there().provider)) == [
        "create the pool pool",
        "on the dataset p-project.sales: grant roles/bigquery.dataViewer for the AWS role web (pool pool)",
        f"on the topic projects/p-project/topics/orders: grant {GIVEN}",
    ]
    assert words(DIRECT, policies()) == []


def test_direct_access_goes_with_its_stack_and_with_its_grant() -> None:
    assert words(DIRECT.gone(), policies()) == [
        "delete the provider pool/demo",
        "on the dataset p-project.sales: take away roles/bigquery.dataViewer for the AWS role web (pool pool)",
        f"on the topic projects/p-project/topics/orders: take away {GIVEN}",
    ]
    fewer = replace(DIRECT, direct=(replace(DIRECT.direct[0], grants=(VIEWER,)),))
    assert words(fewer, policies()) == [f"on the topic projects/p-project/topics/orders: take away {GIVEN}"]
    assert words(replace(fewer, phase=Phase.OPEN), policies()) == []


def test_what_a_role_was_given_by_hand_is_not_ours() -> None:
    by_hand = policy(("roles/pubsub.publisher", f"{POOL_SET}/web"), ("roles/pubsub.viewer", f"{POOL_SET}/web"))
    actual = policies(policies={**policies().policies, TOPIC: by_hand})
    assert words(DIRECT, actual) == []
    assert words(DIRECT.gone(), actual)[-1] == f"on the topic projects/p-project/topics/orders: take away {GIVEN}"


def test_a_role_that_another_provider_lets_in_as_well_keeps_what_it_has() -> None:
    neighbour = {"name": "x/providers/other", "attributeCondition": "true && attribute.aws_role in ['web']"}
    actual = policies(neighbours=(neighbour,))
    assert words(DIRECT.gone(), actual) == ["delete the provider pool/demo"]
    reason = "for another provider of the pool lets that role in as well"
    assert left(DIRECT.gone(), actual) == [
        f"left on the dataset p-project.sales: roles/bigquery.dataViewer for the AWS role web (pool pool), {reason}",
        f"left on the topic projects/p-project/topics/orders: {GIVEN}, {reason}",
    ]
    assert left(DIRECT, actual) == []
    stranger = {**neighbour, "attributeCondition": "true && attribute.aws_role in ['api']"}
    assert len(words(DIRECT.gone(), policies(neighbours=(stranger,)))) == 3


def test_a_principal_is_bound_by_its_full_arn() -> None:
    by_arn = replace(DIRECT, direct=(Direct(aws_principals=(ARN,), grants=(PUBLISHER,)),))
    steps = words(by_arn, policies(policies={PROJECT: {}, TOPIC: {}}))
    given = "roles/pubsub.publisher for the AWS role web as fn (pool pool)"
    assert steps == [f"on the topic projects/p-project/topics/orders: grant {given}"]
    has = {PROJECT: {}, TOPIC: policy(("roles/pubsub.publisher", SUBJECT))}
    assert words(by_arn.gone(), policies(previous=by_arn, policies=has))[-1].endswith(f"take away {given}")


def test_an_account_that_was_bound_by_role_and_is_now_by_arn_is_changed_in_one_write() -> None:
    by_arn = replace(WANTED, accounts=(replace(READER, aws_roles=(), aws_principals=(ARN,)),))
    assert words(by_arn, there(previous=WANTED)) == [
        f"on the service account {EMAIL}: grant {USER} for the AWS role web as fn (pool pool); "
        f"take away {USER} for the AWS role web (pool pool)"
    ]
    # A rollback that is told nothing of before knows by the condition which roles are ours.
    has = {**there().policies, service_account(EMAIL): policy((USER, f"{POOL_SET}/web"), (USER, SUBJECT))}
    assert words(WANTED, there(policies=has)) == [
        f"on the service account {EMAIL}: take away {USER} for the AWS role web as fn (pool pool)"
    ]


def test_a_role_on_an_account_of_ours_shares_the_write_of_its_own_policy() -> None:
    actor = Grant(role="roles/iam.serviceAccountUser", on=service_account(EMAIL))
    other = replace(READER, name="aws-writer", aws_roles=(), grants=(actor,))
    both = replace(WANTED, accounts=(READER, other))
    email = both.email("aws-writer")
    steps = words(both, nothing())
    assert [step for step in steps if step.startswith("on the service account")] == [
        f"on the service account {EMAIL}: grant roles/iam.serviceAccountUser for serviceAccount:{email}; "
        f"grant {USER} for the AWS role web (pool pool)"
    ]


def test_a_condition_makes_another_grant_of_the_same_role() -> None:
    nightly = replace(READER, grants=(Grant(role="roles/storage.objectViewer", on=BUCKET, condition=NIGHTS),))
    desired, member = replace(WANTED, accounts=(nightly,)), f"serviceAccount:{EMAIL}"
    own = {service_account(EMAIL): there().policies[service_account(EMAIL)], PROJECT: {}}
    has = {**own, BUCKET: policy(("roles/storage.objectViewer", member))}
    before = replace(WANTED, accounts=(replace(READER, grants=(replace(nightly.grants[0], condition=None),)),))
    assert words(desired, there(previous=before, policies=has)) == [
        f"on the bucket exports: grant roles/storage.objectViewer for {member} if {NIGHTS.expression}; "
        f"take away roles/storage.objectViewer for {member}"
    ]
    with_it = policy(("roles/storage.objectViewer", member), title=NIGHTS.title, expression=NIGHTS.expression)
    assert words(desired, there(policies={**own, BUCKET: with_it})) == []
    renamed = policy(("roles/storage.objectViewer", member), title="other", expression=NIGHTS.expression)
    assert len(words(desired, there(previous=desired, policies={**own, BUCKET: renamed}))) == 1


def test_everything_that_is_missing_is_told_at_once() -> None:
    grants = tuple(Grant(role="roles/x.y", on=on) for on in (BUCKET, ORDERS, TOPIC))
    desired = replace(WANTED, accounts=(replace(READER, grants=grants),))
    with pytest.raises(OwnershipError) as refusal:
        plan(desired, nothing(policies={PROJECT: {}, BUCKET: None, ORDERS: None, TOPIC: None}))
    assert [conflict.partition(" does not exist. Create it first")[0] for conflict in refusal.value.conflicts] == [
        "The bucket exports",
        "The table p-project.sales.orders",
        "The topic projects/p-project/topics/orders",
    ]


def test_a_grant_on_what_is_gone_needs_no_taking_away() -> None:
    assert words(DIRECT.gone(), policies(policies={PROJECT: {}, SALES: None, TOPIC: None})) == [
        "delete the provider pool/demo"
    ]


def test_only_policies_that_may_change_are_looked_at() -> None:
    assert concerned(WANTED, None, [EMAIL]) == {PROJECT, SALES, service_account(EMAIL)}
    assert concerned(WANTED, DIRECT, []) == {PROJECT, SALES, TOPIC}
    assert concerned(WANTED.gone(), WANTED, []) == {PROJECT, SALES}
    assert concerned(replace(DIRECT, phase=Phase.OPEN), None, []) == {SALES, TOPIC}


def test_logs_are_switched_on_alone_after_the_grants_and_left_on() -> None:
    logged = replace(WANTED, audit_logs=("sts.googleapis.com",))
    assert [step for step in words(logged, nothing()) if "p-project:" in step] == [
        f"on the project p-project: grant roles/bigquery.jobUser for serviceAccount:{EMAIL}",
        "on the project p-project: log Data Access to sts.googleapis.com",
    ]
    assert not [step for step in words(logged.gone(), there(previous=logged)) if "log" in step]


def test_grants_of_many_accounts_change_each_policy_once() -> None:
    on = (*READER.grants, PUBLISHER, Grant(role="roles/x.y", on=BUCKET), Grant(role="roles/x.y", on=ORDERS))
    many = tuple(replace(READER, name=f"aws-reader-{number:02}", grants=on) for number in range(50))
    has: dict[Target, Any] = {target: {} for target in (PROJECT, SALES, TOPIC, BUCKET, ORDERS)}
    steps = words(replace(WANTED, accounts=many), nothing(policies=has))
    assert len(steps) == 2 + 50 + 50 + 5
