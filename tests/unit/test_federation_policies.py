"""Read-modify-write of IAM policies and datasets' access lists: what is changed, and what is left alone."""

import copy
from typing import Any

import pytest

from keyless_federation.errors import HiddenConditionError
from keyless_federation.google.client import Request
from keyless_federation.google.shapes import misfits
from keyless_federation.model import targets
from keyless_federation.model.bindings import Binding
from keyless_federation.model.grants import Condition
from keyless_federation.model.kinds import Form
from keyless_federation.policies import audit_logs, datasets, iam_policies
from keyless_federation.policies.policies import ChangePolicy

ALICE, OURS = "user:alice@example.com", "serviceAccount:ours@p.iam.gserviceaccount.com"
WEB = "principalSet://iam.googleapis.com/projects/4/locations/global/workloadIdentityPools/p/attribute.aws_role/web"
HIDDEN = "roles/b_withcond_9f86d081884c7d659a2f"
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
    "fieldOfTomorrow": {"kept": True},
}


def test_a_binding_joins_the_others_of_its_role() -> None:
    before = copy.deepcopy(POLICY)
    changed = iam_policies.change(POLICY, [Binding(role="roles/a", member="user:bob@example.com")], [])
    assert changed == {
        **POLICY,
        "bindings": [{"role": "roles/a", "members": [ALICE, OURS, "user:bob@example.com"]}, *POLICY["bindings"][1:]],
    }
    assert before == POLICY  # a conflict begins again with what was read


def test_a_conditional_binding_never_joins_an_unconditional_one() -> None:
    condition = Condition(title="t", expression="true")
    changed = iam_policies.change(POLICY, [Binding(role="roles/a", member=ALICE, condition=condition)], [])
    assert changed
    assert changed["bindings"][-1] == {
        "role": "roles/a",
        "members": [ALICE],
        "condition": {"title": "t", "expression": "true"},
    }


def test_conditions_are_one_only_if_title_expression_and_description_are_the_same() -> None:
    same = Condition(**NIGHTLY)
    assert iam_policies.change(POLICY, [Binding(role="roles/b", member=OURS, condition=same)], []) is None
    for field in ("title", "expression", "description"):
        other = Condition(**{**NIGHTLY, field: "other"})
        changed = iam_policies.change(POLICY, [Binding(role="roles/b", member=OURS, condition=other)], [])
        assert changed
        assert len(changed["bindings"]) == 4


def test_a_grant_that_is_given_twice_is_written_once() -> None:
    twice = [Binding(role="roles/d", member=OURS)] * 2
    changed = iam_policies.change(POLICY, twice, [])
    assert changed
    assert changed["bindings"][-1] == {"role": "roles/d", "members": [OURS]}


def test_removing_takes_the_member_and_an_entry_that_is_empty_then() -> None:
    gone = [Binding(role="roles/a", member=OURS), Binding(role="roles/c", member=OURS)]
    changed = iam_policies.change(POLICY, [], gone)
    assert changed == {**POLICY, "bindings": [{"role": "roles/a", "members": [ALICE]}, POLICY["bindings"][1]]}


def test_what_others_wrote_stays_to_the_letter() -> None:
    theirs = [
        {"role": "roles/x", "members": [], "bindingId": "7"},
        {"role": "roles/y", "members": [ALICE, ALICE], "condition": {"expression": "true", "location": "here"}},
    ]
    policy = {"etag": "e", "bindings": [*theirs, {"role": "roles/a", "members": [OURS], "bindingId": "8"}]}
    changed = iam_policies.change(policy, [Binding(role="roles/a", member=WEB)], [])
    joined = {"role": "roles/a", "members": [OURS, WEB], "bindingId": "8"}
    assert changed == {"etag": "e", "bindings": [*theirs, joined]}
    assert iam_policies.change(changed, [], [Binding(role="roles/a", member=WEB)]) == policy


def test_the_same_role_under_a_condition_is_another_binding() -> None:
    assert iam_policies.change(POLICY, [], [Binding(role="roles/b", member=OURS)]) is None
    condition = Condition(**NIGHTLY)
    changed = iam_policies.change(POLICY, [], [Binding(role="roles/b", member=OURS, condition=condition)])
    assert changed
    assert [entry["role"] for entry in changed["bindings"]] == ["roles/a", "roles/c"]


def test_nothing_to_change_writes_nothing() -> None:
    assert iam_policies.change(POLICY, [Binding(role="roles/a", member=OURS)], []) is None
    assert iam_policies.change({"etag": "ACAB"}, [], [Binding(role="roles/a", member=OURS)]) is None


def test_what_is_to_be_added_is_never_removed() -> None:
    both = [Binding(role="roles/a", member=OURS)]
    assert iam_policies.change(POLICY, both, both) is None


def test_a_federated_member_is_told_by_its_aws_role() -> None:
    arn = WEB.replace("principalSet", "principal").replace(
        "attribute.aws_role/web", "subject/arn:aws:sts::111122223333:assumed-role/web/fn"
    )
    assert str(Binding(role="r", member=WEB)) == "r for the AWS role web (pool p)"
    assert str(Binding(role="r", member=arn)) == "r for the AWS role web as fn (pool p)"
    assert Binding(role="r", member=arn).aws_role == Binding(role="r", member=WEB).aws_role
    assert Binding(role="r", member=ALICE).aws_role is None


EMAIL = "ours@p.iam.gserviceaccount.com"
VIEW = {"view": {"projectId": "p", "datasetId": "d", "tableId": "t"}}
CONDITIONAL = {"role": "READER", "userByEmail": EMAIL, "condition": {"expression": "false"}}
GROUP = {"role": "OWNER", "specialGroup": "projectOwners"}
DATASET: dict[str, Any] = {
    "etag": "e",
    "access": [GROUP, VIEW, {"role": "READER", "userByEmail": EMAIL}, CONDITIONAL],
}
VIEWER = Binding(role="roles/bigquery.dataViewer", member=OURS)


def test_a_dataset_answers_predefined_roles_under_other_names() -> None:
    assert datasets.change(DATASET, [VIEWER], []) is None


def test_a_dataset_entry_is_added_beside_the_others() -> None:
    changed = datasets.change(DATASET, [Binding(role="roles/bigquery.metadataViewer", member=OURS)], [])
    added = {"role": "roles/bigquery.metadataViewer", "userByEmail": EMAIL}
    assert changed == {"etag": "e", "access": [*DATASET["access"], added]}


def test_a_principal_of_a_pool_is_an_iam_member_of_a_dataset() -> None:
    changed = datasets.change(DATASET, [Binding(role="roles/bigquery.dataViewer", member=WEB)], [])
    assert changed
    assert changed["access"][-1] == {"role": "roles/bigquery.dataViewer", "iamMember": WEB}
    assert datasets.change(changed, [Binding(role="roles/bigquery.dataViewer", member=WEB)], []) is None


def test_a_dataset_keeps_conditions_on_entries() -> None:
    conditional = Binding(role="roles/bigquery.dataViewer", member=OURS, condition=Condition(**NIGHTLY))
    changed = datasets.change(DATASET, [conditional], [])
    assert changed
    assert changed["access"][-1] == {
        "role": "roles/bigquery.dataViewer",
        "userByEmail": EMAIL,
        "condition": NIGHTLY,
    }
    assert datasets.change(changed, [], [conditional]) == DATASET


def test_views_groups_and_conditional_entries_of_a_dataset_stay() -> None:
    assert datasets.change(DATASET, [], [VIEWER]) == {"etag": "e", "access": [GROUP, VIEW, CONDITIONAL]}


def test_a_deleted_account_is_recognised_in_a_dataset() -> None:
    member = f"deleted:serviceAccount:{EMAIL}?uid=1"
    gone = {"access": [{"role": "READER", "iamMember": member}]}
    assert datasets.bindings_of(gone) == {Binding(role="roles/bigquery.dataViewer", member=member)}


def test_logs_are_switched_on_beside_what_is_logged_already() -> None:
    exempted = {"logType": "DATA_READ", "exemptedMembers": [ALICE]}
    policy = {"bindings": [], "auditConfigs": [{"service": "sts.googleapis.com", "auditLogConfigs": [exempted]}]}
    assert audit_logs.switched_on(policy, ["sts.googleapis.com"]) == {
        "bindings": [],
        "auditConfigs": [
            {
                "service": "sts.googleapis.com",
                "auditLogConfigs": [exempted, {"logType": "ADMIN_READ"}, {"logType": "DATA_WRITE"}],
            }
        ],
    }


def test_logs_that_are_on_for_all_services_are_on() -> None:
    everything = [{"logType": kind} for kind in audit_logs.TYPES]
    policy = {"auditConfigs": [{"service": "allServices", "auditLogConfigs": everything}]}
    assert audit_logs.silent(policy, ["sts.googleapis.com"]) == []
    assert audit_logs.switched_on(policy, ["sts.googleapis.com"]) is None
    everything[0]["exemptedMembers"] = [ALICE]  # type: ignore[assignment]
    assert audit_logs.silent(policy, ["sts.googleapis.com"]) == ["sts.googleapis.com"]


@pytest.mark.parametrize(
    "name", ["//bigquery.googleapis.com/projects/p/datasets/d", "//pubsub.googleapis.com/projects/p/topics/t"]
)
def test_a_policy_without_an_etag_is_neither_read_nor_written(name: str) -> None:
    on = targets.parse(name)
    dialect = datasets if on.kind.form is Form.ACCESS else iam_policies
    bare: dict[str, Any] = {"access": [], "bindings": []}
    assert list(misfits(bare, dialect.reading(on).answer)) == ["etag is missing"]
    with pytest.raises(KeyError, match="etag"):
        dialect.writing(on, bare, "why")


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("//pubsub.googleapis.com/projects/p/topics/t", {"bindings": [{"role": HIDDEN, "members": [ALICE]}]}),
        ("//bigquery.googleapis.com/projects/p/datasets/d", {"access": [{"role": HIDDEN, "userByEmail": "a@b.c"}]}),
    ],
)
def test_a_policy_whose_conditions_are_not_shown_is_never_written(name: str, held: dict[str, Any]) -> None:
    class Reading:
        """A Google that gives out the policy without its conditions, and must not be sent another."""

        def send(self, request: Request, **_: object) -> dict[str, Any]:
            assert request.method != "PATCH"
            assert "setIamPolicy" not in request.path
            return {"etag": "e", **held}

    step = ChangePolicy(on=targets.parse(name), add=(Binding(role="roles/a", member=OURS),))
    with pytest.raises(HiddenConditionError, match="has conditional bindings, and Google answered without"):
        step.apply(Reading())  # type: ignore[arg-type]


def test_conditions_of_others_are_written_back_in_the_version_that_keeps_them() -> None:
    topic = targets.parse("//pubsub.googleapis.com/projects/p/topics/t")
    for bindings, version in ((POLICY["bindings"], 3), ([], None)):
        body = iam_policies.writing(topic, {"etag": "e", "bindings": bindings}, "why").body
        assert body
        assert body["policy"].get("version") == version


def test_a_dataset_whose_list_is_not_shown_is_not_read() -> None:
    request = datasets.reading(targets.parse("//bigquery.googleapis.com/projects/p/datasets/d"))
    assert list(misfits({"id": "p:d", "etag": "e"}, request.answer)) == ["access is missing"]
