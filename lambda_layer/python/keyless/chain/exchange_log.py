"""Log each exchange: a line for people, and a metric for CloudWatch in the Embedded Metric Format.

The metric is written by hand, as it is one JSON object: importing a library for it would cost a cold start more than
the exchange's own share of the processor. (AWS, "Specification: Embedded metric format".)
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from keyless.chain.exchange import Exchanged
from keyless.config import Config
from keyless.errors import ChainError
from keyless.logs import event, utc, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLog:
    """Logs exchanges of `service`, in a process that Lambda started as `init`; metrics to `namespace`, if any."""

    init: str | None = None
    service: str = "unnamed"
    namespace: str | None = None

    @classmethod
    def of(cls, config: Config) -> "ExchangeLog":
        """Return the log that `config` asks for."""
        return cls(init=config.initialization, service=config.service, namespace=config.metrics)

    def made(self, exchanged: Exchanged, *, cold: bool) -> None:
        """Log a new token; `cold`: there was none before."""
        event(
            "token-ready" if cold else "token-refreshed",
            init=self.init,
            ms=dict(exchanged.milliseconds),
            retries=exchanged.retries,
            expires=utc(exchanged.token.expires_at),
        )
        self._count("success", cold, exchanged.milliseconds, exchanged.retries)

    def failed(self, error: ChainError, *, cold: bool) -> None:
        """Log a failed exchange."""
        said = {"link": error.link, "status": error.status}
        event("exchange-failed", level=logging.WARNING, init=self.init, **said, message=str(error))
        self._count("failure", cold, error.milliseconds, error.retries, **said)

    def _count(
        self, outcome: str, cold: bool, milliseconds: Mapping[str, float], retries: int, **properties: str | int | None
    ) -> None:
        if self.namespace:
            dimensions = {
                "service": self.service,
                "init": self.init or "none",
                "exchange": "cold" if cold else "refresh",
                "outcome": outcome,
            }
            emit(self.namespace, dimensions, milliseconds, retries, **properties)


def emit(
    namespace: str,
    dimensions: Mapping[str, str],
    milliseconds: Mapping[str, float],
    retries: int,
    **properties: str | int | None,
) -> None:
    """Print one record: each of `milliseconds` and `retries` as a metric, `properties` beside them for queries."""
    units = dict.fromkeys(milliseconds, "Milliseconds") | {"retries": "Count"}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    record = {"_aws": metadata, **dimensions, **milliseconds, "retries": retries, **properties}
    with writing, suppress(OSError, ValueError):  # a closed standard output is no reason to fail a request
        sys.stdout.write(json.dumps(record) + "\n")  # in one piece: other threads write lines as well
        sys.stdout.flush()
