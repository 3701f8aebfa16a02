"""Drawn schedules of what people ask and what goes wrong meanwhile: the custom resource survives them all.

Each is played through the real handler against a local Google of its own, in this process and in virtual time,
behind an injecting proxy; some over real connections as well. See `tests/local/schedules`.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.configuration import set_hypothesis_home_dir

from functions.gcp_federation import handler
from keyless_federation import read as reading
from keyless_federation import reconcile
from tests.local.invocation import CloudFormation
from tests.local.schedules import known
from tests.local.schedules.faults import (
    GARBLED,
    KILL,
    KILL_AFTER,
    LOST,
    MEDDLE,
    OPERATIONS,
    PASSING,
    REFUSED,
    UNREACHABLE,
)
from tests.local.schedules.gateway import Gateway
from tests.local.schedules.inline import Inline, answering
from tests.local.schedules.play import Play
from tests.local.schedules.schedule import Schedule, schedules
from tests.local.schedules.world import World

SCHEDULES, OVER_CONNECTIONS = 1000, 150  # in full: see `draw` in tests/conftest.py
SEEN_AT_LEAST = 10  # times each in full; in a sample once, and a few rare ones may be missed
MISSED_AT_MOST = 3
MET = (
    *PASSING,
    LOST,
    *GARBLED,
    MEDDLE,
    KILL,
    KILL_AFTER,
    REFUSED,
    UNREACHABLE,
    *OPERATIONS,
    "propagation",
    "response URL failing",
    "delivered twice",
    "delivered late",
    *(f"{what} that nobody's marker is on" for what in ("a pool", "a provider", "an account")),
    *(f"an adopted {what}" for what in ("pool", "provider", "account")),
    "an account of another federation",
    "the brake of another's pool",
    "left on Google",
    "an update that only says what to leave",
    "a deployment without an event",
    "a deployment that looks again",
    *(f"{whose} {done}" for whose in ("brake", "pool's brake") for done in ("pulled", "released")),
    "brake left to a person",
    "Data Access logged",
)


@pytest.fixture(scope="module")
def ear() -> Iterator[CloudFormation]:
    """The address that takes answers."""
    with CloudFormation().listening() as listening:
        yield listening


@pytest.fixture(autouse=True, scope="module")
def _writes_nothing_here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hypothesis keeps notes in its home, which is the folder that the tests run in."""
    set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    yield
    set_hypothesis_home_dir(None)


@pytest.fixture(autouse=True)
def _in_a_function(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the handler finds around it; what it would log is in the story of a schedule that fails."""
    monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", "http://127.0.0.1:9/{service}")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "keyless-federation-dev-eu-west-1")
    level = handler.logger.log_level
    handler.logger.setLevel("CRITICAL")
    yield
    handler.logger.setLevel(level)


@pytest.fixture
def _one_by_one(ear: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process nothing goes side by side or through a socket, over connections it does."""
    for module in (reading, reconcile):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Inline)
    monkeypatch.setattr(requests, "put", answering(ear))


def reproducibly(schedules: int) -> settings:
    """So many, always the same, the failing one made as small as possible; nothing is written to a disk."""
    return settings(
        max_examples=schedules,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def require_survival(world: World) -> None:
    """No invariant was broken; else the whole story, for people."""
    assert not world.problems, "\n".join([world.problems[0], *world.told(), "PROBLEMS", *world.problems])


@pytest.mark.sweep
@pytest.mark.usefixtures("_one_by_one")
def test_a_thousand_schedules(ear: CloudFormation, draw: Callable[[int], int]) -> None:
    played, met, wanted = set[Schedule](), Counter[str](), draw(SCHEDULES)

    @reproducibly(wanted + wanted // 4)  # now and then the same one is drawn again
    @given(schedules())
    def play(schedule: Schedule) -> None:
        if schedule in played:
            return
        world = Play(schedule, ear).run()
        require_survival(world)
        played.add(schedule)
        met.update(world.tally)

    play()
    assert len(played) >= wanted
    seen_at_least, missed_at_most = (SEEN_AT_LEAST, 0) if wanted == SCHEDULES else (1, MISSED_AT_MOST)
    missed = {what: met[what] for what in MET if met[what] < seen_at_least}
    assert len(missed) <= missed_at_most, missed


@pytest.mark.usefixtures("_one_by_one")
@pytest.mark.parametrize("schedule", known.SCHEDULES.values(), ids=known.SCHEDULES)
def test_a_schedule_with_a_name(ear: CloudFormation, schedule: Schedule) -> None:
    require_survival(Play(schedule, ear).run())


@pytest.mark.sweep
def test_schedules_over_real_connections(
    ear: CloudFormation, monkeypatch: pytest.MonkeyPatch, draw: Callable[[int], int]
) -> None:
    played, wanted = 0, draw(OVER_CONNECTIONS)

    with Gateway().serving() as gateway:
        monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", gateway.url + "/{service}")

        @reproducibly(wanted)
        @given(schedules())
        def play(schedule: Schedule) -> None:
            nonlocal played
            played += 1
            require_survival(Play(schedule, ear, gateway.session).run())

        play()
    assert played >= wanted
