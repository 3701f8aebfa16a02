"""A federation whose resource was only renamed in the app is known by the stack's template."""

from typing import Any

import pytest

from functions.gcp_federation.cloudformation import Event
from functions.gcp_federation.renamed import heir_of
from keyless_federation.model.federation import Federation, Phase
from tests.local.federation_properties import provider, usual
from tests.local.federation_stack import STACK_ID
from tests.unit.test_federation_rollback import TEMPLATE, cloudformation

CLEANING_UP, ROLLED_BACK = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"


def event(logical_id: str, kind: str = "Delete") -> Event:
    """A request about a resource of this name."""
    return Event.read(
        {
            "RequestType": kind,
            "RequestId": "r",
            "StackId": STACK_ID,
            "LogicalResourceId": logical_id,
            "ResponseURL": "http://127.0.0.1:9/",
        }
    )


def federation(**changes: Any) -> Federation:
    """The one of the template, or nearly."""
    return Federation.from_properties({**usual("calm"), "Phase": "open", **changes})


@pytest.mark.parametrize(
    ("logical_id", "status", "going_back"),
    [("OpenOfOld", CLEANING_UP, False), ("OpenOfOld", ROLLED_BACK, True), ("Open", CLEANING_UP, False)],
)
def test_what_only_has_another_name_lives_on_as_the_settled_one_of_the_template(
    monkeypatch: pytest.MonkeyPatch, logical_id: str, status: str, going_back: bool
) -> None:
    with cloudformation([], monkeypatch):
        heir = heir_of(event(logical_id), federation(), status)
    assert heir
    assert heir.phase is Phase.SETTLE
    assert heir.going_back is going_back


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
        ("OpenOfOld", {}, ""),
    ],
)
def test_what_goes_has_no_heir(
    monkeypatch: pytest.MonkeyPatch, logical_id: str, changes: dict[str, Any], status: str
) -> None:
    with cloudformation([], monkeypatch):
        assert heir_of(event(logical_id), federation(**changes), status) is None


def test_what_may_not_be_there_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    resources = {name: {**one, "Condition": "Perhaps"} for name, one in TEMPLATE["Resources"].items()}
    with cloudformation([], monkeypatch):
        monkeypatch.setitem(TEMPLATE, "Resources", resources)
        assert heir_of(event("OpenOfOld"), federation(), CLEANING_UP) is None


def test_only_deletions_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloudformation([], monkeypatch):
        assert heir_of(event("OpenOfOld", "Update"), federation(), CLEANING_UP) is None


def test_where_cloudformation_does_not_tell_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloudformation([], monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert heir_of(event("OpenOfOld"), federation(), CLEANING_UP) is None
