"""Read-modify-write of IAM policies and datasets' access lists: what is changed, and what is left alone."""

from typing import Any

from functions.gcp_federation import datasets, policies
from functions.gcp_federation.datasets import Access
from functions.gcp_federation.policies import Binding
from functions.gcp_federation.resources import Condition

ALICE, OURS = "user:alice@example.com", "serviceAccount:ours@p.iam.gserviceaccount.com"
NIGHTLY = {"title": "nightly", "expression": "request.time.getHours() < 6", "description": "only at night"}
POLICY: dict[str, Any] = {
    "version": 3,
    "etag": "BwX=",
    "auditConfigs": [{"service": "allServices"}],
    "bindings": [
        {"role": "roles/a", "members": [ALICE, OURS]},
        {"role": "roles/b", "members": [OURS], "condition": NIGHTLY},
        {"role": "roles/c", "members": [OURS]},
    ],
}


def test_a_binding_joins_the_others_of_its_role() -> None:
    changed = policies.change(POLICY, [Binding(role="roles/a", member="user:bob@example.com")], [])
    assert changed == {
        **POLICY,
        "bindings": [{"role": "roles/a", "members": [ALICE, OURS, "user:bob@example.com"]}, *POLICY["bindings"][1:]],
    }


def test_a_conditional_binding_never_joins_an_unconditional_one() -> None:
    condition = Condition(title="t", expression="true")
    changed = policies.change(POLICY, [Binding(role="roles/a", member=ALICE, condition=condition)], [])
    assert changed
    assert changed["bindings"][-1] == {
        "role": "roles/a",
        "members": [ALICE],
        "condition": {"title": "t", "expression": "true"},
    }


def test_removing_takes_the_member_and_an_entry_that_is_empty_then() -> None:
    gone = [Binding(role="roles/a", member=OURS), Binding(role="roles/c", member=OURS)]
    changed = policies.change(POLICY, [], gone)
    assert changed == {**POLICY, "bindings": [{"role": "roles/a", "members": [ALICE]}, POLICY["bindings"][1]]}


def test_the_same_role_under_a_condition_is_another_binding() -> None:
    assert policies.change(POLICY, [], [Binding(role="roles/b", member=OURS)]) is None
    condition = Condition(**NIGHTLY)
    changed = policies.change(POLICY, [], [Binding(role="roles/b", member=OURS, condition=condition)])
    assert changed
    assert [entry["role"] for entry in changed["bindings"]] == ["roles/a", "roles/c"]


def test_nothing_to_change_writes_nothing() -> None:
    assert policies.change(POLICY, [Binding(role="roles/a", member=OURS)], []) is None
    assert policies.change({"etag": "ACAB"}, [], [Binding(role="roles/a", member=OURS)]) is None


def test_what_is_to_be_added_is_never_removed() -> None:
    both = [Binding(role="roles/a", member=OURS)]
    assert policies.change(POLICY, both, both) is None


def test_an_old_policy_is_written_as_version_three() -> None:
    changed = policies.change({"etag": "ACAB"}, [Binding(role="roles/a", member=OURS)], [])
    assert changed == {"etag": "ACAB", "version": 3, "bindings": [{"role": "roles/a", "members": [OURS]}]}


EMAIL = "ours@p.iam.gserviceaccount.com"
VIEW = {"view": {"projectId": "p", "datasetId": "d", "tableId": "t"}}
CONDITIONAL = {"role": "READER", "userByEmail": EMAIL, "condition": {"expression": "false"}}
GROUP = {"role": "OWNER", "specialGroup": "projectOwners"}
DATASET: dict[str, Any] = {"access": [GROUP, VIEW, {"role": "READER", "userByEmail": EMAIL}, CONDITIONAL]}


def test_a_dataset_answers_predefined_roles_under_other_names() -> None:
    assert datasets.change(DATASET, [datasets.access("roles/bigquery.dataViewer", EMAIL)], []) is None


def test_a_dataset_entry_is_added_beside_the_others() -> None:
    entries = datasets.change(DATASET, [datasets.access("roles/bigquery.metadataViewer", EMAIL)], [])
    assert entries == [*DATASET["access"], {"role": "roles/bigquery.metadataViewer", "userByEmail": EMAIL}]


def test_views_groups_and_conditional_entries_of_a_dataset_stay() -> None:
    assert datasets.change(DATASET, [], [Access(role="READER", email=EMAIL)]) == [GROUP, VIEW, CONDITIONAL]


def test_a_deleted_account_is_recognised_in_a_dataset() -> None:
    gone = {"role": "READER", "iamMember": f"deleted:serviceAccount:{EMAIL}?uid=1"}
    assert datasets.change({"access": [gone]}, [], [Access(role="READER", email=EMAIL)]) == []
