"""The deployer as a federation of its own: where it lives, whom it lets in, and what bounds it."""

from dataclasses import replace

import pytest

from functions.gcp_federation.policies import Binding
from functions.gcp_federation.resources import Condition, Project
from infra.bootstrap.deployer import Deployer, grantable_of

ASKED = Deployer(
    project="data-project",
    home="identity-project",
    home_number="42",
    account="111122223333",
    stages=("dev", "prod"),
    regions=("eu-west-1", "us-east-1"),
    grantable=("roles/bigquery.jobUser",),
    dataset_grants=False,
)
MEMBER = "serviceAccount:keyless-deployer@identity-project.iam.gserviceaccount.com"
ROLE = "projects/data-project/roles/keylessProjectGrants"


def bound(*roles: str) -> Condition:
    """The condition that the deployer gets for these roles."""
    [account] = replace(ASKED, grantable=roles).federation().accounts
    [condition] = [grant.condition for grant in account.grants if grant.condition]
    return condition


def test_there_is_one_aws_role_for_each_stage_and_region() -> None:
    assert ASKED.aws_roles == (
        "keyless-federation-dev-eu-west-1",
        "keyless-federation-dev-us-east-1",
        "keyless-federation-prod-eu-west-1",
        "keyless-federation-prod-us-east-1",
    )
    [account] = ASKED.federation().accounts
    assert account.aws_roles == tuple(sorted(ASKED.aws_roles))


def test_the_deployer_lives_in_one_project_and_works_in_another() -> None:
    federation = ASKED.federation()
    assert federation.pool_path.startswith("projects/identity-project/")
    assert federation.audience.startswith("//iam.googleapis.com/projects/42/")
    [account] = federation.accounts
    assert f"serviceAccount:{federation.email(account.name)}" == MEMBER
    assert {grant.on for grant in account.grants} == {Project("data-project")}
    assert {role.project for role in ASKED.roles} == {"data-project"}


def test_only_the_right_to_set_the_projects_policy_is_bounded() -> None:
    [account] = ASKED.federation().accounts
    assert {grant.role.rpartition("/")[2]: grant.condition is not None for grant in account.grants} == {
        "keylessFederation": False,
        "keylessProjectGrants": True,
    }


def test_dataset_grants_are_a_role_of_their_own() -> None:
    names = [role.id for role in replace(ASKED, dataset_grants=True).roles]
    assert names == ["keylessFederation", "keylessProjectGrants", "keylessDatasetGrants"]


def test_what_a_grantor_may_grant_is_read_back() -> None:
    roles = ("projects/data-project/roles/mine", "roles/bigquery.jobUser")
    binding = Binding(role=ROLE, member=MEMBER, condition=bound(*roles))
    others = [Binding(role=ROLE, member="user:alice@example.com"), Binding(role="roles/owner", member=MEMBER)]
    assert ASKED.bounded([binding, *others]) == [binding]
    assert grantable_of([binding]) == set(roles)


def test_earlier_bounds_are_known_so_that_they_are_replaced() -> None:
    binding = Binding(role=ROLE, member=MEMBER, condition=bound("roles/bigquery.jobUser"))
    [account] = ASKED.earlier(ASKED.federation(), [binding]).accounts
    assert [(grant.role, grant.condition) for grant in account.grants] == [(ROLE, binding.condition)]


def test_a_stage_whose_identity_is_too_long_for_google_is_refused() -> None:
    with pytest.raises(ValueError, match="88 bytes"):
        replace(ASKED, stages=("abcdefghijk",), regions=("ap-southeast-1",)).federation()
