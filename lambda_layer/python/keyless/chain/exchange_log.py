"""What is told of each exchange: a line of the log for people, a metric for CloudWatch."""

import logging
from dataclasses import dataclass

from keyless.chain.exchange import Exchanged
from keyless.chain.metrics import emit
from keyless.config import Config
from keyless.errors import ChainError
from keyless.logs import event, utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tells of exchanges for `service`, in a process that Lambda started as `init`; metrics to `namespace`, if any."""

    init: str | None = None
    service: str = "unnamed"
    namespace: str | None = None

    @classmethod
    def of(cls, config: Config) -> "Report":
        """The report that `config` asks for."""
        return cls(init=config.initialization, service=config.service, namespace=config.metrics)

    def made(self, exchanged: Exchanged, *, cold: bool) -> None:
        """A token was made; `cold`: there was none before."""
        event(
            "token-ready" if cold else "token-refreshed",
            init=self.init,
            ms=dict(exchanged.milliseconds),
            retries=exchanged.retries,
            expires=utc(exchanged.token.expires_at),
        )
        if self.namespace:
            emit(self.namespace, self._dimensions(cold, "success"), exchanged.milliseconds, exchanged.retries)

    def failed(self, error: ChainError, *, cold: bool) -> None:
        """No token was made."""
        event(
            "exchange-failed",
            level=logging.WARNING,
            init=self.init,
            link=error.link,
            status=error.status,
            message=str(error),
        )
        if self.namespace:
            emit(
                self.namespace,
                self._dimensions(cold, "failure"),
                error.milliseconds,
                error.retries,
                link=error.link,
                status=error.status,
            )

    def _dimensions(self, cold: bool, outcome: str) -> dict[str, str]:
        return {
            "service": self.service,
            "init": self.init or "none",
            "exchange": "cold" if cold else "refresh",
            "outcome": outcome,
        }
