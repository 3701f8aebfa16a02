"""`make demo` as its user meets it: what it prints, and that it leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from local import terraform
from local.setup import BUILD, ROOT
from tests.e2e import secrets_scan

Demo = subprocess.Popen[str]


def built() -> set[str]:
    """What the demo may tell of the build that runs Terraform: that may be at hand, or downloaded, or not to be had."""
    applied = "Apply complete! Resources: 3 added, 0 changed, 0 destroyed."
    try:
        terraform.find()
    except terraform.Unavailable as missing:
        return {applied, f"Not shown: {missing}."}
    return {applied}


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo that has just been started, ended with its group if the test did not."""
    command = [sys.executable, "-m", "local", "demo"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        yield process
        if process.poll() is None:
            process.terminate()


def test_it_shows_rows_and_how_they_came_without_a_key(demo: Demo) -> None:
    printed, _ = demo.communicate(timeout=600)
    assert demo.returncode == 0, printed
    for expected in (
        "hamlet",
        "a second function inserts it",
        "arn:aws:sts::111122223333:assumed-role/keyless-bigquery-query-local-eu-west-1/keyless-bigquery-query-local",
        "aws-bq-reader@keyless-local.iam.gserviceaccount.com",
        "(provisioned-concurrency)",
        "Keys that people made for the 4 service accounts of this project: 0.",
        "nothing is left running",
    ):
        assert expected in printed
    assert [told for told in built() if told in printed] != []
    assert secrets_scan.found({"output": printed}, {name: "unset" for name in secrets_scan.KNOWN}) == []
    assert_nothing_is_left()


def test_ctrl_c_ends_everything(demo: Demo) -> None:
    printed = read_until(demo, "`cdk bootstrap`")
    os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    rest, _ = demo.communicate(timeout=300)
    assert demo.returncode == 1, printed + rest
    assert "Interrupted. Nothing is left running." in rest
    assert_nothing_is_left()


def test_a_failing_step_says_which_and_why_and_ends_everything(demo: Demo) -> None:
    printed = read_until(demo, "`cdk bootstrap`")
    for pid in demo_processes():
        with suppress(OSError):  # one that has ended by itself
            if b"local.aws.emulator" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
    rest, _ = demo.communicate(timeout=300)
    assert demo.returncode == 1, printed + rest
    assert "FAILED after" in rest
    assert "logs of this run are in" in rest
    assert_nothing_is_left()


def test_a_reader_that_goes_away_keeps_nothing_alive(demo: Demo) -> None:
    read_until(demo, "Google's bootstrap")
    assert demo.stdout is not None
    demo.stdout.close()
    assert demo.wait(timeout=300) != 0
    assert_nothing_is_left()


def read_until(demo: Demo, words: str) -> str:
    """What the demo printed, up to and including `words`."""
    assert demo.stdout is not None
    printed = ""
    while words not in printed:
        character = demo.stdout.read(1)
        assert character, f"the demo ended before {words!r}: {printed}"
        printed += character
    return printed


def demo_processes() -> list[int]:
    """Processes whose environment says that they work in a demo's folder."""
    mark = str(BUILD / "demo-").encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile, or is another user's
    return found


def assert_nothing_is_left() -> None:
    """No process, and so no port, and no folder of a demo."""
    assert demo_processes() == []
    assert [path for path in BUILD.glob("demo-*") if path.name != "demo-logs"] == []
