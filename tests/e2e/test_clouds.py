"""Both clouds start though somebody takes their ports before they do."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import clouds
from local.process import PortTaken, free_ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("which", [0, 1], ids=["aws", "google"])
def test_a_port_that_was_taken_meanwhile_is_left_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, which: int
) -> None:
    first = free_ports(2)
    first[which] = taken
    offered = iter([first])
    monkeypatch.setattr(clouds, "free_ports", lambda count: next(offered, None) or free_ports(count))
    with clouds.Clouds.start(tmp_path) as started:
        assert str(taken) not in str(started.environment)
        assert [started.aws.process.poll(), started.google.process.poll()] == [None, None]


def test_it_gives_up_when_every_port_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(clouds, "free_ports", lambda count: [taken, *free_ports(1)])
    with pytest.raises(PortTaken, match=f"{taken} is already in use"):
        clouds.Clouds.start(tmp_path)


def test_ports_that_are_asked_for_together_differ() -> None:
    assert len(set(free_ports(500))) == 500
