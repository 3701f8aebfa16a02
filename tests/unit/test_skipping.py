"""No test is lost: on a bare machine only those are skipped that CI selects by their mark for the full machine."""

import os
import subprocess
import sys
from pathlib import Path

from local.setup import ROOT

TESTS = """
import pytest
def test_skips_unmarked():
    pytest.skip("for a reason of its own")
@pytest.mark.skipif(True, reason="another")
def test_is_skipped_unmarked(): ...
@pytest.mark.needs
def test_skips_marked():
    pytest.skip("for a reason of its own")
@pytest.mark.needs("no-such-program")
def test_lacks_a_program():
    raise AssertionError
@pytest.mark.needs("sh")
def test_has_its_program(): ...
"""


def test_a_test_that_skips_is_marked_or_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, "--rootdir", ".", "-rA"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'infra'}"}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-p", "no:bqemulator", "test_it.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not on PATH: no-such-program" in done.stdout
    assert "a test that may skip is marked `needs`" in done.stdout
    assert "FAILED test_it.py::test_skips_unmarked" in done.stdout
    assert "ERROR test_it.py::test_is_skipped_unmarked" in done.stdout
    assert "1 failed, 1 passed, 2 skipped" in done.stdout
