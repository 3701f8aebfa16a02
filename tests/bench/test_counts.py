"""What a life costs Google and the network, counted: these do not drift, as times do."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.bench import scenarios
from tests.bench.cold import WARM, Life, live
from tests.bench.google import HOSTS, IAM, Google
from tests.bench.scenarios import Lab, Seen
from tests.bench.variants import prepare

FAR = 0.3
"""Seconds: so far that no load on this machine turns handshakes side by side into handshakes in a row."""


def run(scratch: Path, action: "Callable[[Lab], Awaitable[Life | Seen | list[Seen]]]", round_trip: float) -> object:
    async def inside() -> object:
        async with Google.running(scratch) as google:
            google.place(round_trip=round_trip)
            return await action(Lab.at(google, prepare(scratch, google.certificates.authority), scratch))

    return asyncio.run(inside())


def life(scratch: Path, name: str) -> Life:
    lived = run(scratch, lambda lab: live(lab.variants[name], lab.google, next(lab.folders)), FAR)
    assert isinstance(lived, Life)
    return lived


def step(scratch: Path, action: "Callable[[Lab], Awaitable[Seen]]") -> Seen:
    seen = run(scratch, action, 0.01)
    assert isinstance(seen, Seen)
    return seen


def test_a_cold_start_is_five_round_trips_on_three_connections(tmp_path: Path) -> None:
    lived = life(tmp_path, "Keyless")
    assert lived.turns == 5  # TCP, TLS, STS, IAM, query
    assert lived.connections == dict.fromkeys(HOSTS, 1)
    assert lived.requests == dict.fromkeys(HOSTS, 1)  # no regional access boundary, no project, no mTLS
    assert lived.requests_warm == WARM  # one request a query
    assert lived.strays == []  # nor anything on any other host


def test_the_usual_way_is_nine_round_trips_and_a_hidden_call(tmp_path: Path) -> None:
    lived = life(tmp_path, "naive, one request")
    assert lived.turns >= 9
    assert lived.connections[IAM] == 2  # the second looks up the regional access boundary


def test_64_threads_make_one_exchange(tmp_path: Path) -> None:
    seen = step(tmp_path, lambda lab: scenarios.herd(lab, "Keyless"))
    assert (seen.outcome, seen.sts, seen.iam, seen.connections) == ("answered", 1, 1, 0)  # those of init are good


def test_a_token_near_its_end_is_renewed_beside_the_request(tmp_path: Path) -> None:
    seen = step(tmp_path, scenarios.renewed_ahead)
    assert (seen.outcome, seen.sts, seen.iam, seen.queries, seen.connections) == ("answered", 1, 1, 1, 2)


def test_after_a_freeze_dead_connections_are_replaced_without_an_error(tmp_path: Path) -> None:
    seen = step(tmp_path, lambda lab: scenarios.thawed(lab, "Keyless"))
    assert (seen.outcome, seen.sts, seen.iam, seen.queries, seen.connections) == ("answered", 0, 0, 1, 1)


def test_after_a_freeze_a_token_that_ended_costs_one_exchange(tmp_path: Path) -> None:
    seen = run(tmp_path, lambda lab: scenarios.expired(lab, "Keyless"), FAR)
    assert isinstance(seen, Seen)
    assert seen.turns == 5  # TCP and TLS to all hosts at once, STS, IAM, query
    assert (seen.outcome, seen.sts, seen.iam, seen.queries, seen.connections) == ("answered", 1, 1, 1, 3)


@pytest.mark.parametrize(
    ("what", "sts", "iam"),
    [("STS answers 503 once", 2, 1), ("STS answers 429 twice", 3, 1), ("IAM answers 500 once", 1, 2)],
)
def test_a_fault_that_passes_is_not_noticed(tmp_path: Path, what: str, sts: int, iam: int) -> None:
    seen = run(tmp_path, lambda lab: scenarios.fault(lab, "Keyless", what), 0.01)
    assert isinstance(seen, list)
    first, second = seen
    assert (first.outcome, first.sts, first.iam) == ("answered", sts, iam)
    assert (second.outcome, second.sts, second.iam) == ("answered", 0, 0)


def test_a_fault_that_stays_ends_and_is_forgotten(tmp_path: Path) -> None:
    seen = run(tmp_path, lambda lab: scenarios.fault(lab, "Keyless", "IAM answers 503 for ever"), 0.01)
    assert isinstance(seen, list)
    first, second = seen
    assert (first.outcome, first.queries) == ("ImpersonationError", 0)
    assert (second.outcome, second.queries) == ("answered", 1)
