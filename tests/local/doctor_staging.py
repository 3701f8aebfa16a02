"""A stage breaks one thing and yields the environment in which the doctor then looks; STAGES has all of them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from keyless.doctor import Report, examine
from keyless.doctor.report import Check

from tests.local.doctor_world import LAYER, World

AHEAD = """
import datetime, os, sys, time
from google.auth import _helpers
real, utcnow, ahead = time.time, _helpers.utcnow, float(os.environ.pop("AHEAD"))
time.time = lambda: real() + ahead  # the machine's clock, which a test must not set
_helpers.utcnow = lambda: utcnow() + datetime.timedelta(seconds=ahead)
from keyless.__main__ import main
sys.exit(main(["doctor", "--json"]))
"""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Something broken, and what the doctor must say of it.

    what: in words. failure, link, verdict: of the check that tells of it. says: what must stand in it besides. how:
    `clouds` breaks the thing itself on the local clouds, `machine` breaks this machine or what is on the way, `words`
    has a server say what Google or AWS says. ahead: seconds that the machine's clock is ahead.
    """

    what: str
    failure: str
    link: str
    how: str = "clouds"
    verdict: str = "broken"
    says: str = ""
    table: str | None = None
    pauses: Sequence[float] = (0.05,)
    ahead: float = 0.0
    breaks: Callable[[World], AbstractContextManager[Mapping[str, str]]]

    @cached_property
    def name(self) -> str:
        """The name of the function that breaks it."""
        return str(getattr(self.breaks, "__name__", "")).replace("_", "-")

    def examined(self, environ: Mapping[str, str]) -> Report:
        """What the doctor says in this environment: here, or in a process of another time."""
        if not self.ahead:
            return examine(environ, table=self.table, pauses=self.pauses)
        env = {**environ, "PATH": os.defpath, "PYTHONPATH": str(LAYER), "AHEAD": str(self.ahead)}
        done = subprocess.run([sys.executable, "-c", AHEAD], env=env, capture_output=True, text=True, timeout=60)
        assert done.stderr == ""
        said = json.loads(done.stdout)
        assert done.returncode == said["exit_code"]
        return Report(tuple(Check(**{**check, "more": tuple(check["more"])}) for check in said["checks"]))


STAGES: list[Stage] = []


def staged(
    what: str, *, failure: str, link: str, **more: Any
) -> Callable[[Callable[[World], Iterator[Mapping[str, str]]]], None]:
    """Makes a stage of a function that breaks something, yields the environment, and mends what it broke."""

    def register(breaks: Callable[[World], Iterator[Mapping[str, str]]]) -> None:
        STAGES.append(Stage(what=what, failure=failure, link=link, breaks=contextmanager(breaks), **more))

    return register
