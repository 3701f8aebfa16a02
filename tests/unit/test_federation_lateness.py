"""Which requests a stack makes, by what it is busy with."""

import pytest

from functions.gcp_federation.lateness import is_awaited

ASKED = {
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


@pytest.mark.parametrize(("status", "asked"), ASKED.items(), ids=ASKED)
def test_what_is_undone_or_deleted_is_not_made_again(status: str, asked: set[str]) -> None:
    assert {kind for kind in ("Create", "Update", "Delete") if is_awaited(kind, status)} == asked
