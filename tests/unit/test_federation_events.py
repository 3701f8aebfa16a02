"""The table of CloudFormation's requests: what is done about each, by the stack's status and what else is known."""

import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from functions.gcp_federation.cloudformation import NEVER_CREATED, Event
from functions.gcp_federation.events import TABLE, Action, Task, is_stale, tasks
from functions.gcp_federation.facts import Facts
from keyless_federation.errors import PropertiesError, StaleRequestError
from keyless_federation.model.federation import Federation
from tests.local.federation_properties import provider, usual
from tests.local.invocation import Told

EXPECTED = {
    "CREATE_IN_PROGRESS": {"Create", "Update", "Delete"},
    "UPDATE_IN_PROGRESS": {"Create", "Update", "Delete"},
    "UPDATE_ROLLBACK_IN_PROGRESS": {"Update", "Delete"},
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": {"Delete"},
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": {"Delete"},
    "ROLLBACK_IN_PROGRESS": {"Delete"},
    "DELETE_IN_PROGRESS": {"Delete"},
    "CREATE_COMPLETE": set(),
    "UPDATE_ROLLBACK_FAILED": set(),
}
KINDS = ("Create", "Update", "Delete")
PROPERTIES = {**usual("calm"), "Phase": "open"}
OTHER = {**PROPERTIES, "Provider": provider("other", "calm-role")}
CALM = Federation.from_properties(PROPERTIES)
SETTLED = Federation.from_properties({**PROPERTIES, "Phase": "settle"})


def facts(kind: str, stack: Told | None = None, **changes: Any) -> Facts:
    """What is known of a request about the calm federation."""
    raw = {
        "RequestType": kind,
        "RequestId": "r",
        "StackId": "s",
        "LogicalResourceId": "l",
        "PhysicalResourceId": CALM.physical_id,
        "ResponseURL": "http://127.0.0.1:9/",
        "ResourceProperties": PROPERTIES,
    }
    return Facts.of(Event.read({**raw, **changes}), stack or Told())


@pytest.mark.parametrize(("status", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_what_is_undone_or_deleted_is_not_made_again(status: str, expected: set[str]) -> None:
    assert {kind for kind in KINDS if not is_stale(kind, status)} == expected
    for kind in set(KINDS) - expected:
        with pytest.raises(StaleRequestError, match=rf"no longer waits for this {kind} \(stack status {status}\)"):
            tasks(facts(kind, Told(status)))


def test_every_request_in_every_status_is_decided_and_no_row_is_there_for_nothing() -> None:
    decided = set()
    shapes: list[dict[str, Any]] = [
        {},
        {"ResourceProperties": {}},
        {"ResourceProperties": {**PROPERTIES, "Phase": "settle"}},
        {"PhysicalResourceId": NEVER_CREATED},
        {"OldResourceProperties": {**PROPERTIES, "OnUnreachable": "leave"}},
    ]
    for kind, status, shape, heir in product(KINDS, ("", *EXPECTED), shapes, (None, SETTLED)):
        known = facts(kind, Told(status, heir), **shape)
        decided.add(next(row for row in TABLE if row.expects(kind, status) and row.known(known)))
    assert decided == set(TABLE)


def test_what_cannot_be_read_is_refused_and_its_deletion_has_nothing_to_do() -> None:
    with pytest.raises(PropertiesError):
        tasks(facts("Create", ResourceProperties={}))
    assert tasks(facts("Delete", ResourceProperties={})) == []


def test_an_update_goes_from_the_old_properties_to_the_new() -> None:
    old = {**PROPERTIES, "Provider": provider("calm", "old-role")}
    [task] = tasks(facts("Update", OldResourceProperties=old))
    assert task == Task(CALM, Federation.from_properties(old))


def test_an_update_that_is_taken_back_skips_what_it_may_not_read() -> None:
    [task] = tasks(facts("Update", Told("UPDATE_ROLLBACK_IN_PROGRESS"), OldResourceProperties=PROPERTIES))
    assert task.desired == replace(CALM, skip_unreadable=True)


def test_what_lay_in_another_project_has_a_deletion_of_its_own() -> None:
    [task] = tasks(facts("Update", OldResourceProperties={**PROPERTIES, "Project": "another-project"}))
    assert task.previous is None


@pytest.mark.parametrize(("physical_id", "skips"), [(CALM.physical_id, False), (NEVER_CREATED, True)])
def test_a_deletion_skips_only_what_was_never_written(physical_id: str, skips: bool) -> None:
    [task] = tasks(facts("Delete", PhysicalResourceId=physical_id))
    assert (task.desired.present, task.desired.skip_unreadable, task.previous) == (False, skips, CALM)


def test_the_deletion_of_the_settling_resource_does_nothing() -> None:
    assert tasks(facts("Delete", ResourceProperties={**PROPERTIES, "Phase": "settle"})) == []


def test_what_an_update_made_under_other_names_goes_where_no_deletion_will_come() -> None:
    whole = {**PROPERTIES, "Phase": "whole"}
    desired = Federation.from_properties(whole)
    renamed = facts("Update", OldResourceProperties=OTHER, ResourceProperties=whole)
    stayed = replace(renamed, event=replace(renamed.event, physical_id=desired.physical_id))
    assert len(tasks(renamed)) == 1  # CloudFormation learns another ID, and deletes the old one
    _, stranded = tasks(stayed)
    assert (stranded.desired.present, stranded.previous) == (False, Federation.from_properties(OTHER))


@pytest.mark.parametrize(
    ("before", "now", "nothing_else"),
    [
        ({}, {"OnUnreachable": "leave"}, True),
        ({"OnUnreachable": "leave"}, {}, True),
        ({"Reconcile": "1"}, {"OnUnreachable": "leave", "Reconcile": "2"}, True),
        ({}, {"Apis": [], "OnUnreachable": "leave"}, False),
        ({"Reconcile": "1"}, {"Reconcile": "2"}, False),
        ({}, {}, False),
        (None, {"OnUnreachable": "leave"}, False),
    ],
)
def test_only_a_change_of_letting_go_is_no_work(
    before: dict[str, Any] | None, now: dict[str, Any], nothing_else: bool
) -> None:
    old: dict[str, Any] = {} if before is None else {"OldResourceProperties": {**PROPERTIES, **before}}
    assert (tasks(facts("Update", ResourceProperties={**PROPERTIES, **now}, **old)) == []) is nothing_else
    assert tasks(facts("Delete", ResourceProperties={**PROPERTIES, **now}, **old)) != []


def test_the_table_reads_as_it_is_written() -> None:
    assert {row.action for row in TABLE} == set(Action)
    assert all(re.compile(row.status) and set(row.requests.split()) <= set(KINDS) for row in TABLE)
