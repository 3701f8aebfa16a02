"""Ctrl-C answers a question whenever it comes."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

from stacks.verify.question import ask


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where what is written has been typed."""
    reading, writing = os.pipe()
    with open(reading) as stdin, open(writing, "wb"):
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writing


class Interrupting(io.StringIO):
    """A terminal at which somebody presses Ctrl-C when the question appears."""

    def flush(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_what_is_typed_is_the_answer(typing: int, capsys: pytest.CaptureFixture[str]) -> None:
    os.write(typing, b"yes\n")
    assert ask("Really? ") == "yes\n"
    assert capsys.readouterr().out == "Really? "


def test_the_end_of_what_is_typed_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert ask("Really? ") == ""


def test_ctrl_c_counts_as_soon_as_the_question_is_there(typing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    os.write(typing, b"yes\n")
    monkeypatch.setattr(sys, "stdout", Interrupting())
    with pytest.raises(KeyboardInterrupt):
        ask("Really? ")


def ask_while_somebody_presses_ctrl_c() -> None:
    presses = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
    try:
        presses.start()
        ask("Really? ")
    finally:
        presses.join()


@pytest.mark.usefixtures("typing")
def test_ctrl_c_counts_while_the_answer_is_awaited() -> None:
    for _ in range(100):
        with pytest.raises(KeyboardInterrupt):
            ask_while_somebody_presses_ctrl_c()


@pytest.mark.usefixtures("typing")
def test_who_was_told_of_signals_before_is_told_again() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing)
    try:
        with pytest.raises(KeyboardInterrupt):
            ask_while_somebody_presses_ctrl_c()
    finally:
        assert signal.set_wakeup_fd(before) == writing
        os.close(reading)
        os.close(writing)
