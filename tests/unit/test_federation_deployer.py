"""The deployer as a federation of its own: where it lives, whom it lets in, and what bounds it."""

from dataclasses import replace
from typing import Any

import pytest

from keyless_cli.bootstrap.bounds import grantable_of
from keyless_cli.bootstrap.custom_roles import CustomRole
from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_cli.bootstrap.permissions import kind_of_resource
from keyless_federation.model.bindings import Binding
from keyless_federation.model.grants import Condition
from keyless_federation.model.targets import project

ASKED = DeployerSpec(
    project="data-project",
    home="identity-project",
    home_number="42",
    account="111122223333",
    stages=("dev", "prod"),
    regions=("eu-west-1", "us-east-1"),
    grantable=("roles/bigquery.jobUser",),
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
    assert {grant.on for grant in account.grants} == {project("data-project")}
    assert {role.project for role in ASKED.roles} == {"data-project"}


def test_only_the_right_to_set_the_projects_policy_is_bounded() -> None:
    [account] = ASKED.federation().accounts
    assert {grant.role.rpartition("/")[2]: grant.condition is not None for grant in account.grants} == {
        "keylessFederation": False,
        "keylessProjectGrants": True,
    }


def test_grants_on_each_kind_of_resource_are_a_role_of_their_own() -> None:
    roles = replace(ASKED, kinds=("storage.buckets", "bigquery.datasets")).roles
    assert {role.id: role.permissions for role in roles[2:]} == {
        "keylessGrantsOn.bigquery.datasets": (
            "bigquery.datasets.get",
            "bigquery.datasets.getIamPolicy",
            "bigquery.datasets.setIamPolicy",
            "bigquery.datasets.update",
        ),
        "keylessGrantsOn.storage.buckets": ("storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"),
    }


def test_a_role_whose_id_is_blocked_is_bound_under_the_id_that_it_got() -> None:
    roles = replace(ASKED, role_ids={"keylessProjectGrants": "keylessProjectGrants_2"})
    [account] = roles.federation().accounts
    [grant] = [grant for grant in account.grants if grant.condition]
    assert grant.role == f"{ROLE}_2"


def test_what_a_grantor_may_grant_is_read_back() -> None:
    roles = ("projects/data-project/roles/mine", "roles/bigquery.jobUser")
    binding = Binding(role=ROLE, member=MEMBER, condition=bound(*roles))
    second = Binding(role=f"{ROLE}_2", member=MEMBER, condition=bound("roles/bigquery.user"))
    others = [Binding(role=ROLE, member="user:alice@example.com"), Binding(role="roles/owner", member=MEMBER)]
    assert ASKED.ours([binding, second, *others]) == [binding, second]
    assert grantable_of([binding, second]) == {*roles, "roles/bigquery.user"}


def test_what_was_given_before_is_known_so_that_it_is_replaced() -> None:
    bounded = Binding(role=ROLE, member=MEMBER, condition=bound("roles/bigquery.jobUser"))
    unbounded = Binding(role=ROLE, member=MEMBER)
    [account] = ASKED.given(ASKED.federation(), [bounded, unbounded]).accounts
    assert [(grant.role, grant.condition) for grant in account.grants] == [(ROLE, bounded.condition), (ROLE, None)]


@pytest.mark.parametrize(
    ("ids", "chosen"),
    [
        ({}, "mine"),
        ({"mine": {}}, "mine"),
        ({"mine": {"deleted": True}}, "mine"),
        ({"mine": {"deleted": True}, "mine_2": {"deleted": True}}, "mine_2"),
        ({"mine": {"deleted": True}, "mine_2": {}}, "mine_2"),
        ({"mine": {}, "mine_2": {"deleted": True}, "mine_3": {}}, "mine"),
        ({"mine_2": {"description": "somebody else's"}}, "mine"),
    ],
)
def test_a_role_is_known_by_its_marker_under_whatever_number(ids: dict[str, dict[str, Any]], chosen: str) -> None:
    role = CustomRole(project="p", id="mine", title="", permissions=(), marker=ASKED.marker)
    existing = {name: {"description": ASKED.marker.description(), **found} for name, found in ids.items()}
    assert role.present(existing) == (replace(role, id=chosen), existing.get(chosen))


@pytest.mark.parametrize("kind", ["topics", "resourcemanager.projects", "pubsub.topics.get", ""])
def test_what_is_no_kind_of_resource_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"'{kind}'"):
        kind_of_resource(kind)


def test_a_stage_whose_identity_is_too_long_for_google_is_refused() -> None:
    with pytest.raises(ValueError, match="88 bytes"):
        replace(ASKED, stages=("abcdefghijk",), regions=("ap-southeast-1",)).federation()
