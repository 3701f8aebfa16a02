"""Quotas on request: how often a method may be called before it answers 429.

Written METHOD=CALLS/SECONDSs, such as SetIamPolicy=5/60s. METHOD is the last part of the name that the audit log has
for a method, the whole of that name, or a service's host for all its methods together.
"""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.google.errors import GoogleError, error_info
from local.google.state.audit import Entry

WRITTEN = re.compile(r"([\w.]+)=([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,3})?)s")


@dataclass(slots=True)
class Quota:
    """At most `calls` of `method` in a window of `seconds`, which begins with the first call in it."""

    method: str
    calls: int
    seconds: float
    used: int = 0
    began: float = float("-inf")

    @classmethod
    def parse(cls, text: str) -> "Quota":
        """The quota that is written so; raises ValueError."""
        match = WRITTEN.fullmatch(text)
        if match is None or not float(match[3]):
            raise ValueError(f"{text!r} is not METHOD=CALLS/SECONDSs, such as SetIamPolicy=5/60s")
        return cls(match[1], int(match[2]), float(match[3]))

    def __str__(self) -> str:
        return f"{self.method}={self.calls}/{self.seconds:g}s"

    def counts(self, entry: Entry) -> bool:
        """Whether this call is one of those."""
        return self.method in (entry.method, entry.method.rpartition(".")[2], entry.service)


class Quotas:
    """The quotas in force."""

    def __init__(self, texts: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quotas: list[Quota] = []
        self.replace(texts)

    def replace(self, texts: Iterable[str]) -> None:
        """Let these be in force, and no others; raises ValueError."""
        self._quotas = [Quota.parse(text) for text in texts]

    def texts(self) -> list[str]:
        """The quotas in force, as they are written."""
        return [str(quota) for quota in self._quotas]

    def spend(self, entry: Entry, number: str) -> None:
        """Count a call, or 429 when a quota of its is used up; `number` is the project that pays."""
        now = self._clock()
        mine = [quota for quota in self._quotas if quota.counts(entry)]
        for quota in mine:
            if now - quota.began >= quota.seconds:
                quota.used, quota.began = 0, now
            if quota.used >= quota.calls:
                raise _exceeded(quota, entry, number, quota.began + quota.seconds - now)
        for quota in mine:
            quota.used += 1


def _exceeded(quota: Quota, entry: Entry, number: str, seconds: float) -> GoogleError:
    metric = f"{entry.service}/{entry.method.rpartition('.')[2]}"
    return GoogleError(
        429,
        "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric '{metric}' and limit '{quota}' of service '{entry.service}' for consumer "
        f"'project_number:{number}'.",
        error_info(
            "RATE_LIMIT_EXCEEDED",
            "googleapis.com",
            service=entry.service,
            consumer=f"projects/{number}",
            quota_metric=metric,
            quota_limit_value=str(quota.calls),
        ),
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{max(seconds, 0.001):.3f}s"},
    )
