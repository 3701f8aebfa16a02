"""The checks in their order, until one finds its link broken."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from keyless.config import Config
from keyless.doctor.report import Check, Report
from keyless.errors import ConfigurationError

Step = Callable[[Mapping[str, str]], Iterator[Check]]


def examine(environ: Mapping[str, str], *, table: str | None = None) -> Report:
    """Go down the chain that `environ` configures; `table`: PROJECT.DATASET.TABLE to try to read, without reading."""
    checks: list[Check] = []
    for step in STEPS:
        started = time.monotonic()
        for check in step(environ):
            checks.append(replace(check, milliseconds=round((time.monotonic() - started) * 1000, 1)))
            if check.verdict == "broken":
                return Report(tuple(checks))
            started = time.monotonic()
    return Report(tuple(checks))


def configuration(environ: Mapping[str, str]) -> Iterator[Check]:
    """Whether the settings are whole."""
    try:
        config = Config.require(environ)
    except ConfigurationError as error:
        problems = tuple(error.problems)
        yield Check(link="configuration", check="settings", verdict="broken", detail=problems[0], more=problems[1:])
    else:
        yield Check(link="configuration", check="settings", verdict="ok", detail=config.audience)


STEPS: Sequence[Step] = (configuration,)
