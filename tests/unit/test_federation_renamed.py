"""A federation whose resource was only renamed in the app is known by the stack's template."""

from typing import Any

import pytest

from functions.gcp_federation.cloudformation import Event
from functions.gcp_federation.events import Facts, Task, tasks
from functions.gcp_federation.stack import Stack
from keyless_federation.model.federation import Federation, Phase
from tests.local.federation_properties import provider, usual
from tests.local.federation_stack import STACK_ID
from tests.unit.test_federation_rollback import TEMPLATE, cloudformation

CLEANING_UP, ROLLED_BACK = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"


def deleted(logical_id: str, changes: dict[str, Any] | None = None) -> Task:
    """What is done about the deletion of a resource of this name."""
    properties = {**usual("calm"), "Phase": "open", **(changes or {})}
    event = Event.read(
        {
            "RequestType": "Delete",
            "RequestId": "r",
            "StackId": STACK_ID,
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": Federation.from_properties(properties).physical_id,
            "ResponseURL": "http://127.0.0.1:9/",
            "ResourceProperties": properties,
        }
    )
    [task] = tasks(Facts.of(event, Stack(STACK_ID)))
    return task


@pytest.mark.parametrize(
    ("logical_id", "status", "skips"),
    [("OpenOfOld", CLEANING_UP, False), ("OpenOfOld", ROLLED_BACK, True), ("Open", CLEANING_UP, False)],
)
def test_what_only_has_another_name_lives_on_as_the_settled_one_of_the_template(
    monkeypatch: pytest.MonkeyPatch, logical_id: str, status: str, skips: bool
) -> None:
    with cloudformation([], monkeypatch, status):
        heir = deleted(logical_id).desired
    assert heir.present
    assert heir.phase is Phase.SETTLE
    assert heir.skip_unreadable is skips


@pytest.mark.parametrize(
    ("logical_id", "changes", "status"),
    [
        ("OpenOfOld", {"Provider": provider("other", "calm-role")}, CLEANING_UP),
        ("OpenOfOld", {"Project": "another-project"}, CLEANING_UP),
        ("Open", {}, ROLLED_BACK),
        ("Open", {}, "UPDATE_IN_PROGRESS"),
        ("Open", {"Provider": provider("other", "calm-role")}, CLEANING_UP),
        ("OpenOfOld", {}, "DELETE_IN_PROGRESS"),
        ("OpenOfOld", {}, "ROLLBACK_IN_PROGRESS"),
    ],
)
def test_what_goes_has_no_heir(
    monkeypatch: pytest.MonkeyPatch, logical_id: str, changes: dict[str, Any], status: str
) -> None:
    with cloudformation([], monkeypatch, status):
        assert not deleted(logical_id, changes).desired.present


def test_what_may_not_be_there_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = {name: {**one, "Condition": "Perhaps"} for name, one in TEMPLATE["Resources"].items()}
    with cloudformation([], monkeypatch, CLEANING_UP):
        monkeypatch.setitem(TEMPLATE, "Resources", resources)
        assert not deleted("OpenOfOld").desired.present


def test_where_cloudformation_does_not_tell_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloudformation([], monkeypatch, CLEANING_UP):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert not deleted("OpenOfOld").desired.present
