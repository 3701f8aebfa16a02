"""Markers in descriptions, and what a deletion may leave behind."""

import pytest
from google.auth.exceptions import RefreshError, TransportError

from functions.gcp_federation.remedies import is_unreachable, leftover_message, with_way_out
from keyless_federation.errors import DeadlineError, GoogleError, OwnershipError, PropertiesError
from keyless_federation.model.ownership import Marker, is_adopted, text_of
from keyless_federation.model.rules import MAX_DESCRIPTION
from tests.unit.test_federation_plan import READER, WANTED

MARKER = Marker("111122223333/eu-west-1/demo", "pool/provider")


def test_an_adopted_things_marker_is_the_same_owners_and_says_so() -> None:
    adopted = MARKER.on_adopted()
    assert adopted == MARKER
    assert str(adopted) == "keyless-adopted:111122223333/eu-west-1/demo#pool/provider"
    found = Marker.find(adopted.description("Ask Alice"))
    assert found == MARKER
    assert found is not None
    assert found.adopted


@pytest.mark.parametrize(
    ("description", "adopted"),
    [(None, True), ("by hand", True), (MARKER.description(), False), (MARKER.on_adopted().description(), True)],
)
def test_what_nobody_owns_was_made_by_somebody_else(description: str | None, adopted: bool) -> None:
    assert is_adopted(description) is adopted


@pytest.mark.parametrize("marker", [MARKER, MARKER.on_adopted(), MARKER.on_adopted("*")])
@pytest.mark.parametrize("text", ["", "Ask Alice", "Two  words, keyless or not", "x" * 400, "\N{SNOWMAN}" * 100])
def test_a_text_comes_back_out_of_a_description_as_far_as_there_was_room(marker: Marker, text: str) -> None:
    described = marker.description(text)
    assert len(described.encode()) <= MAX_DESCRIPTION
    assert text.startswith(text_of(described))
    assert len(text_of(described).encode()) >= min(len(text.encode()), marker.room - 3)
    assert Marker.find(described) == marker
    assert marker.description(text_of(described)) == described


def test_what_an_account_had_is_remembered_beside_its_owner() -> None:
    kept = MARKER.on_adopted("aB-3d_Xk")
    assert str(kept) == "keyless-adopted+aB-3d_Xk:111122223333/eu-west-1/demo#pool/provider"
    found = Marker.find(kept.description("Ask Alice"))
    assert found is not None
    assert (found, found.adopted, found.kept) == (MARKER, True, "aB-3d_Xk")
    assert text_of(kept.description("Ask Alice")) == "Ask Alice"


def error(status: int) -> GoogleError:
    """Google's answer."""
    return GoogleError(status, "REASON", "words", attempted="do it")


@pytest.mark.parametrize("status", [0, 401, 403, 429, 500, 503])
def test_google_that_is_away_or_does_not_know_us_is_unreachable(status: int) -> None:
    assert is_unreachable(error(status))


@pytest.mark.parametrize("gone", [DeadlineError("do it"), RefreshError("no"), TransportError("no")])
def test_a_chain_that_is_broken_and_time_that_ran_out_are_unreachable(gone: Exception) -> None:
    assert is_unreachable(gone)


@pytest.mark.parametrize("no", [error(200), error(400), error(404), error(409), OwnershipError(["x"]), KeyError("x")])
def test_what_google_says_no_to_and_bugs_are_not(no: Exception) -> None:
    assert not is_unreachable(no)


def test_the_invalid_is_not_unreachable() -> None:
    assert not is_unreachable(PropertiesError(["x"]))


def test_how_to_let_go_stands_behind_any_reason() -> None:
    assert with_way_out("x" * 5000).endswith('on_unreachable="leave" (docs/delete.md).')
    assert len(with_way_out("x" * 5000)) < 900


def test_what_is_left_is_named() -> None:
    told = leftover_message(WANTED)
    for name in ("p-project", "pool/demo", WANTED.email(READER.name)):
        assert name in told
