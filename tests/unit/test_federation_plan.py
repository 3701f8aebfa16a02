"""The plan between what is wanted and what is there, as its words."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from keyless_federation.actual import Actual
from keyless_federation.errors import OwnershipError
from keyless_federation.model.federation import Federation, Phase
from keyless_federation.model.grants import Grant
from keyless_federation.model.resources import Account, Pool, Provider
from keyless_federation.model.targets import dataset, project, service_account
from keyless_federation.plan import plan

PROJECT, SALES = project("p-project"), dataset("p-project", "sales")
EMAIL = "aws-reader@p-project.iam.gserviceaccount.com"
USER, CREATOR = "roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"
JOB_USER = Grant(role="roles/bigquery.jobUser", on=PROJECT)
VIEWER = Grant(role="roles/bigquery.dataViewer", on=SALES)
READER = Account(
    name="aws-reader", display_name="Reader", aws_roles=("web",), impersonation=(USER,), grants=(JOB_USER, VIEWER)
)
WANTED = Federation(
    project="p-project",
    number="42",
    owner="111122223333/eu-west-1/demo",
    pool=Pool(id="pool", display_name="Pool", retain=True),
    provider=Provider(
        id="demo",
        display_name="Demo",
        aws_account="111122223333",
        mapping={"google.subject": "assertion.arn", "attribute.aws_role": "assertion.arn"},
        condition="true && attribute.aws_role in ['web']",
    ),
    accounts=(READER,),
)
POOL_SET = (
    "principalSet://iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/pool/attribute.aws_role"
)
OTHER = replace(WANTED, owner="111122223333/eu-west-1/other")


def pool_of(federation: Federation, **more: Any) -> dict[str, Any]:
    """The pool as Google would show it."""
    shown = {"displayName": federation.pool.display_name, "description": federation.marker.description()}
    return {**shown, "state": "ACTIVE", **more}


def provider_of(federation: Federation, **more: Any) -> dict[str, Any]:
    """The provider as Google would show it."""
    return {
        "displayName": federation.provider.display_name,
        "description": federation.marker.description(),
        "state": "ACTIVE",
        "aws": {"accountId": federation.provider.aws_account},
        "attributeMapping": dict(federation.provider.mapping),
        "attributeCondition": federation.provider.condition,
        **more,
    }


def account_of(federation: Federation, account: Account = READER, **more: Any) -> dict[str, Any]:
    """A service account as Google would show it."""
    email = federation.email(account.name)
    description = federation.account_marker.description()
    return {
        "email": email,
        "uniqueId": "1001",
        "displayName": account.display_name,
        "description": description,
        **more,
    }


def policy(*bindings: tuple[str, str], **condition: str) -> dict[str, Any]:
    """A policy of (role, member); the condition, if any, is on all."""
    extra = {"condition": condition} if condition else {}
    return {"bindings": [{"role": role, "members": [member], **extra} for role, member in bindings]}


def there(**changes: Any) -> Actual:
    """Everything as `WANTED` has it, but for the changes."""
    account = account_of(WANTED)
    whole: Mapping[str, Any] = {
        "previous": None,
        "pool": pool_of(WANTED),
        "provider": provider_of(WANTED),
        "accounts": {EMAIL: account},
        "ours": frozenset({EMAIL}),
        "policies": {
            service_account(EMAIL): policy((USER, f"{POOL_SET}/web")),
            PROJECT: policy(("roles/bigquery.jobUser", f"serviceAccount:{EMAIL}"), ("roles/owner", "user:alice@x.y")),
            SALES: {"access": [{"role": "READER", "userByEmail": EMAIL}]},
        },
    }
    return Actual(**{**whole, **changes})


def nothing(**changes: Any) -> Actual:
    """An empty project with a data set in it."""
    empty: dict[str, Any] = {"pool": None, "provider": None, "accounts": {}, "ours": frozenset[str]()}
    return there(**{**empty, "policies": {PROJECT: {}, SALES: {}}, **changes})


def words(desired: Federation, actual: Actual) -> list[str]:
    """The plan as people read it."""
    return [str(step) for step in plan(desired, actual)]


def test_when_all_is_well_there_is_nothing_to_do() -> None:
    assert words(WANTED, there()) == []


def test_everything_is_made_in_an_order_that_google_accepts() -> None:
    assert words(WANTED, nothing()) == [
        "create the pool pool",
        "create the provider pool/demo for the AWS account 111122223333",
        f"create the service account {EMAIL}",
        f"on the service account {EMAIL}: grant {USER} for the AWS role web (pool pool)",
        f"on the project p-project: grant roles/bigquery.jobUser for serviceAccount:{EMAIL}",
        f"on the dataset p-project.sales: grant roles/bigquery.dataViewer for serviceAccount:{EMAIL}",
    ]


def test_deleting_ends_trust_first_and_takes_grants_before_the_account() -> None:
    assert words(WANTED.gone(), there(previous=WANTED)) == [
        "delete the provider pool/demo",
        f"on the project p-project: take away roles/bigquery.jobUser for serviceAccount:{EMAIL}",
        f"on the dataset p-project.sales: take away roles/bigquery.dataViewer for serviceAccount:{EMAIL}",
        f"delete the service account {EMAIL}",
    ]


def test_deleting_what_was_never_made_is_nothing_to_do() -> None:
    assert words(WANTED.gone(), nothing(previous=WANTED)) == []


def test_a_pool_that_is_not_retained_goes_last() -> None:
    desired = replace(WANTED, pool=replace(WANTED.pool, retain=False))
    assert words(desired.gone(), there(previous=desired))[-1] == "delete the pool pool, if no provider is left in it"


def test_deleted_pools_and_providers_are_brought_back_and_patched() -> None:
    pool = pool_of(WANTED, state="DELETED", displayName="Old")
    provider = provider_of(WANTED, state="DELETED", attributeCondition="true && attribute.aws_role in ['gone']")
    assert words(WANTED, there(pool=pool, provider=provider)) == [
        "undelete the pool pool",
        "update displayName of the pool pool",
        "undelete the provider pool/demo",
        "update attributeCondition of the provider pool/demo: true && attribute.aws_role in ['web']",
    ]


def test_a_disabled_provider_stays_disabled() -> None:
    assert words(WANTED, there(provider=provider_of(WANTED, disabled=True))) == []


def test_another_stack_of_the_account_uses_the_pool_and_leaves_it_as_it_is() -> None:
    pool = pool_of(OTHER, displayName="Theirs")
    assert words(WANTED, there(pool=pool)) == []
    desired = replace(WANTED, pool=replace(WANTED.pool, retain=False))
    assert not [step for step in words(desired.gone(), there(pool=pool, previous=desired)) if "pool pool" in step]


def test_every_conflict_is_told_before_anything_is_planned() -> None:
    actual = there(
        pool={"state": "ACTIVE"},
        provider=provider_of(OTHER),
        accounts={EMAIL: account_of(OTHER)},
        ours=frozenset(),
        policies={**there().policies, SALES: None},
    )
    with pytest.raises(OwnershipError) as refusal:
        plan(WANTED, actual)
    assert [problem.partition(".")[0] for problem in refusal.value.conflicts] == [
        "The pool pool of the project p-project was not made by Keyless and is not taken over",
        "The provider pool/demo belongs to 111122223333/eu-west-1/other and is not taken over",
        "The service account aws-reader@p-project",
        "The dataset p-project",
    ]


def test_accounts_do_not_share_pools() -> None:
    foreign = replace(WANTED, owner="444455556666/eu-west-1/demo")
    with pytest.raises(OwnershipError, match="belongs to the AWS account 444455556666"):
        plan(WANTED, there(pool=pool_of(foreign)))


def test_things_of_others_stand_in_nobodys_way_when_ours_are_deleted() -> None:
    actual = there(
        previous=WANTED,
        pool=pool_of(OTHER),
        provider=provider_of(OTHER),
        accounts={EMAIL: account_of(OTHER)},
        ours=frozenset(),
    )
    assert words(WANTED.gone(), actual) == []


def test_a_dropped_grant_and_a_renamed_account_are_cleared_away() -> None:
    renamed = replace(WANTED, accounts=(replace(READER, name="aws-writer", grants=()),))
    email = renamed.email("aws-writer")
    assert words(renamed, there(previous=WANTED)) == [
        f"create the service account {email}",
        f"on the service account {email}: grant {USER} for the AWS role web (pool pool)",
        f"on the project p-project: take away roles/bigquery.jobUser for serviceAccount:{EMAIL}",
        f"on the dataset p-project.sales: take away roles/bigquery.dataViewer for serviceAccount:{EMAIL}",
        f"delete the service account {EMAIL}",
    ]


def test_opening_takes_nothing_away() -> None:
    account = replace(READER, name="aws-writer", aws_roles=("api",), grants=())
    opened = replace(
        WANTED,
        phase=Phase.OPEN,
        accounts=(account,),
        provider=replace(WANTED.provider, condition="true && attribute.aws_role in ['api']"),
    )
    email = opened.email("aws-writer")
    assert words(opened, there(previous=WANTED)) == [
        # First, so that a rollback finds in the condition every role that a binding was made for.
        "update attributeCondition of the provider pool/demo: true && attribute.aws_role in ['api', 'web']",
        f"create the service account {email}",
        f"on the service account {email}: grant {USER} for the AWS role api (pool pool)",
    ]


def test_opening_an_account_to_others_keeps_its_roles_and_grants() -> None:
    provider = replace(WANTED.provider, condition="true && attribute.aws_role in ['api']")
    account = replace(READER, aws_roles=("api",), grants=())
    opened = replace(WANTED, phase=Phase.OPEN, accounts=(account,), provider=provider)
    assert words(opened, there(previous=WANTED)) == [
        "update attributeCondition of the provider pool/demo: true && attribute.aws_role in ['api', 'web']",
        f"on the service account {EMAIL}: grant {USER} for the AWS role api (pool pool)",
    ]
    settled = replace(opened, phase=Phase.SETTLE)
    assert words(settled, there(previous=WANTED))[0] == (
        f"on the service account {EMAIL}: grant {USER} for the AWS role api (pool pool); "
        f"take away {USER} for the AWS role web (pool pool)"
    )


def test_settling_takes_away_the_roles_that_the_live_condition_still_names() -> None:
    provider = provider_of(WANTED, attributeCondition="true && attribute.aws_role in ['old', 'web']")
    bindings = policy((USER, f"{POOL_SET}/web"), (USER, f"{POOL_SET}/old"), (CREATOR, f"{POOL_SET}/foreign"))
    policies = {**there().policies, service_account(EMAIL): bindings}
    settled = replace(WANTED, phase=Phase.SETTLE)
    assert words(settled, there(provider=provider, policies=policies)) == [
        f"on the service account {EMAIL}: take away {USER} for the AWS role old (pool pool)",
        "update attributeCondition of the provider pool/demo: true && attribute.aws_role in ['web']",
    ]


def test_what_others_gave_on_our_account_stays() -> None:
    bindings = policy((USER, f"{POOL_SET}/web"), (USER, f"{POOL_SET}/their-role"), (CREATOR, "user:alice@x.y"))
    policies = {**there().policies, service_account(EMAIL): bindings}
    assert words(WANTED, there(policies=policies)) == []


@pytest.mark.parametrize("condition", [{}, {"title": "t", "expression": "true"}])
def test_a_role_that_our_account_was_given_by_hand_stays_until_the_account_goes(condition: dict[str, str]) -> None:
    member = f"serviceAccount:{EMAIL}"
    given = policy(("roles/bigquery.jobUser", member))
    given["bindings"] += policy(("roles/storage.admin", member), **condition)["bindings"]
    policies = {**there().policies, PROJECT: given}
    assert words(WANTED, there(policies=policies)) == []
    assert words(replace(WANTED, phase=Phase.SETTLE), there(policies=policies, previous=WANTED)) == []
    for goes in (WANTED.gone(), replace(WANTED, accounts=())):
        assert any("take away roles/storage.admin" in step for step in words(goes, there(policies=policies)))
        kept = words(replace(goes, exclusive=False), there(policies=policies))
        assert not any("roles/storage.admin" in step for step in kept)


def test_what_a_deleted_account_of_ours_left_behind_is_swept_up() -> None:
    member = f"serviceAccount:{EMAIL}"
    left = f"deleted:{member}?uid=7"
    policies = {**there().policies, PROJECT: policy(("roles/bigquery.jobUser", member), ("roles/bigquery.user", left))}
    assert words(WANTED, there(policies=policies)) == [
        f"on the project p-project: take away roles/bigquery.user for {left}"
    ]


def test_a_replaced_provider_takes_its_accounts_along() -> None:
    moved = replace(WANTED, provider=replace(WANTED.provider, id="next"))
    assert words(moved, there(previous=WANTED, provider=None)) == [
        "create the provider pool/next for the AWS account 111122223333",
        f"update the service account {EMAIL}",
    ]
    # Afterwards CloudFormation deletes the old resource: the account is no longer its own.
    after = there(previous=WANTED, accounts={EMAIL: account_of(moved)}, ours=frozenset())
    assert words(WANTED.gone(), after) == ["delete the provider pool/demo"]


def test_an_account_of_the_stacks_other_federation_is_not_taken_over() -> None:
    sibling = replace(WANTED, provider=replace(WANTED.provider, id="next"))
    with pytest.raises(OwnershipError, match="belongs to 111122223333/eu-west-1/demo#pool/next"):
        plan(WANTED, there(accounts={EMAIL: account_of(sibling)}, ours=frozenset()))


def test_a_plan_of_many_accounts_changes_the_projects_policy_once() -> None:
    many = replace(WANTED, accounts=tuple(replace(READER, name=f"aws-reader-{number:02}") for number in range(50)))
    steps = words(many, nothing())
    assert len([step for step in steps if step.startswith("on the project")]) == 1
    assert len([step for step in steps if step.startswith("on the dataset")]) == 1
    assert len(steps) == 2 + 50 + 50 + 2
