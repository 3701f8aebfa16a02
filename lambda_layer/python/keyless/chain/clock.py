"""An attempt's time: how long it may wait, and how far this machine's clock is from Google's.

What is signed by a clock that is off is refused, and nobody says why.
"""

import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from keyless import failures
from keyless.errors import ExchangeError
from keyless.net.transport import Request, Response

TOLERANCE = 60.0
"""Seconds of difference that cannot be the reason; AWS allows some minutes."""


class ClockedRequest(Request):
    """Sends as another request does, for one attempt: nobody waits longer than `longest` seconds, whatever a
    supplier of credentials asks for, and what time it was at the other end is remembered."""

    def __init__(self, request: Request, longest: float) -> None:
        super().__init__(request.connections)
        self._longest = longest
        self._ahead = 0.0

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Response:
        """See `Request`."""
        response = super().__call__(url, method, body, headers, min(timeout or self._longest, self._longest), **more)
        if response.status != 200:
            self._ahead = ahead(response)
        return response

    def explain(self, error: ExchangeError, audience: str) -> ExchangeError:
        """Return `error`, or a better one if AWS did not confirm the request and the clocks differ."""
        if "invalid_grant" not in error.words or abs(self._ahead) < TOLERANCE:
            return error
        off = failures.find("clock-skew").of(OFF=off_by(self._ahead, "Google"))
        return ExchangeError(audience, off, status=error.status, words=error.words)


def off_by(seconds: float, whose: str) -> str:
    """Return in words how far our clock is off, when it is `seconds` ahead of that of `whose`."""
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {whose}'s"


def ahead(response: Response) -> float:
    """Return the seconds by which our clock is ahead of the Date in the response; 0 when there is none."""
    date = next((value for name, value in response.headers.items() if name.lower() == "date"), "")
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return time.time() - (there if there.tzinfo else there.replace(tzinfo=UTC)).timestamp()
