"""Run the checks in their order, until one finds its link broken."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from keyless.doctor.chain_checks import api, exchange, impersonation
from keyless.doctor.diagnosis import Diagnosis
from keyless.doctor.network import network
from keyless.doctor.preconditions import clock, configuration, credentials, identity
from keyless.doctor.report import Check, Report

STEPS: Sequence[Callable[[Diagnosis], Iterator[Check]]] = (
    configuration,
    credentials,
    identity,
    clock,
    network,
    exchange,
    impersonation,
    api,
)


PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each retry, after a refusal that may be temporary."""


def examine(environ: Mapping[str, str], *, table: str | None = None, pauses: Sequence[float] = PAUSES) -> Report:
    """Go down the chain that `environ` configures; `table`: PROJECT.DATASET.TABLE to try to read, without reading."""
    diagnosis = Diagnosis(environ, table, pauses)
    try:
        return Report(tuple(_until_broken(diagnosis)))
    finally:
        with suppress(AttributeError):  # nothing was configured that could be connected to
            diagnosis.connections.close()


def _until_broken(diagnosis: Diagnosis) -> Iterator[Check]:
    for step in STEPS:
        started = time.monotonic()
        for check in step(diagnosis):
            yield replace(check, milliseconds=round((time.monotonic() - started) * 1000, 1))
            if check.verdict == "broken":
                return
            started = time.monotonic()
