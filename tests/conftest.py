"""What must be so before any test module is imported, and how tests are drawn, grouped and skipped."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator
from typing import Any

import boto3
import pytest

from local.deployment import JSII

os.environ |= JSII  # a test that imports aws_cdk, or starts a command that does, starts Node

# Who ends the tests by SIGTERM, as a CI system does, gets what Ctrl-C gets: fixtures stop their servers.
signal.signal(signal.SIGTERM, signal.default_int_handler)
# A shell that starts them in the background has them ignore Ctrl-C, and all that they start and interrupt, too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The files whose tests share a deployment, by the fixture that makes it.
SHARED = {
    "deployed": ("codebuild", "codebuild_terraform", "conditions", "doctor", "events", "links", "runbook", "secrets"),
    "rollouts": ("provisioned", "rollouts"),
}
GROUP_OF = {f"tests/e2e/test_{name}.py": fixture for fixture, names in SHARED.items() for name in names}
SLOWEST_FIRST = ("tests/e2e", "tests/local", "tests/bench", "tests/infra", "tests/unit")
SAMPLE = 0.2  # of a sweep, without --soak


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run sweeps in full, not a sample of them (`make soak`)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file's tests on one worker, and those of `SHARED`: what they share is made once.

    xdist's own `loadgroup` has no effect with pytest 9.2 (pytest-dev/pytest-xdist, issue 1386).
    """
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc] # it ships no types
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return GROUP_OF.get(path, path)

    config.option.loadscopereorder = False  # the order is that of `SLOWEST_FIRST`
    return Grouped(config, log)


@pytest.hookimpl(tryfirst=True)  # before -m and -k leave any out: their modules were imported all the same
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first.

    Refuse a file that shares a deployment and is not in `SHARED`, and one that starts Node when it is imported.
    """
    for item in items:
        path, names = item.nodeid.partition("::")[0], getattr(item, "fixturenames", ())
        if path.startswith("tests/e2e") and {name for name in SHARED if name in names} - {GROUP_OF.get(path)}:
            raise pytest.UsageError(f"{path} shares a deployment: add it to SHARED in tests/conftest.py")
    if "aws_cdk" in sys.modules and not any(item.nodeid.startswith("tests/infra") for item in items):
        raise pytest.UsageError("collecting these tests imported aws_cdk: import it where it is used")
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((number for number, folder in enumerate(SLOWEST_FIRST) if item.nodeid.startswith(folder)), 0)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are not on PATH."""
    for mark in item.iter_markers("needs"):
        if missing := [program for program in mark.args if not shutil.which(program)]:
            pytest.skip(f"not on PATH: {', '.join(missing)}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips itself without the mark `needs`: CI would run it nowhere and say nothing."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("needs"):
        report.outcome, report.longrepr = "failed", f"{report.longrepr}: a test that may skip is marked `needs`"
    return report


@pytest.fixture(scope="session")
def draw(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How many of a sweep's cases are drawn: all with --soak, else a sample."""
    return lambda whole: whole if request.config.getoption("soak") else int(whole * SAMPLE)


@pytest.fixture(autouse=True)
def _no_aws_session_of_an_earlier_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """`boto3.client` has one session for the whole process, which keeps the first credentials that it found."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
