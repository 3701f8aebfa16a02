"""One token for all threads of the process: made once, renewed before it ends, by the wall clock.

Lambda stops a process between requests and wakes it minutes or hours later, and only the wall clock has moved.
So the token's age is asked at each use, no timer is trusted, and nobody waits for an exchange that was asleep.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from weakref import WeakSet

from keyless.chain.exchange import Exchanged, Patience
from keyless.chain.links import Token
from keyless.chain.report import Report
from keyless.errors import ChainError

REFRESH_WINDOW = 600.0
"""Seconds before its end in which a token is renewed; a quarter of its life when that is less."""

LEEWAY = 10.0
"""Seconds before its end at which a token counts as expired: it still has to travel."""

RETRY_AFTER = 15.0
"""Seconds after which a renewal ahead of need that failed is tried again."""

STALE_AFTER = 5.0
"""Seconds after which nobody joins or awaits an exchange any more: it has slept, is stuck, or has more patience
than a request. The next one to ask makes a new one."""


@dataclass(slots=True)
class _Flight:
    """An exchange under way, when it began, and which of the cache's lives it belongs to."""

    since: float
    generation: int
    future: "Future[Token]" = field(default_factory=Future)


class TokenCache:
    """Keeps one token, and makes a new one with `make` when it is needed.

    Safe for threads: however many ask, one exchange is under way. Safe for forks: a child keeps the token,
    which is as good there, and takes no notice of what its parent had under way. A failure is told to those
    who waited for it and then forgotten: the next request tries again. `patience` is a request's.
    """

    def __init__(
        self,
        make: Callable[[Patience], Exchanged],
        *,
        patience: Patience | None = None,
        report: Report | None = None,
        clock: Callable[[], float] = time.time,
        stale_after: float = STALE_AFTER,
    ) -> None:
        self._make = make
        self._patience = patience or Patience()
        self._report = report or Report()
        self._clock = clock
        self._stale_after = stale_after
        self._token: Token | None = None
        self._refresh_at = 0.0
        self._generation = 0
        self._flight: _Flight | None = None
        self._stand_alone()
        _caches.add(self)

    def peek(self) -> Token | None:
        """The token if it is valid; never waits."""
        token = self._token
        return token if token is not None and self._clock() < token.expires_at - LEEWAY else None

    def token(self) -> Token:
        """A valid token: at once when there is one, else from one exchange, whoever makes it.

        Near the token's end one thread renews it meanwhile. Raises the exchange's ChainError.
        """
        token = self.peek()
        if token is None:
            return self.renew()
        if self._clock() >= self._refresh_at:
            self._renew_meanwhile()
        return token

    def renew(self, patience: Patience | None = None) -> Token:
        """The token of an exchange that ends after this call began: one under way, or a new one."""
        while True:
            flight, mine = self._board()
            if mine:
                self._fly(flight, patience or self._patience)
                return flight.future.result()
            with contextlib.suppress(TimeoutError):
                return flight.future.result(self._stale_after)

    def forget(self) -> None:
        """Keep nothing: neither the token nor what is under way, whenever it arrives."""
        with self._lock:
            self._token = self._flight = None
            self._generation += 1

    def _renew_meanwhile(self) -> None:
        flight, mine = self._board()
        if not mine:
            return
        self._refresh_at = self._clock() + RETRY_AFTER
        work = threading.Thread(target=self._fly, args=(flight, self._patience), name="keyless-refresh", daemon=True)
        try:
            work.start()
        except RuntimeError:  # no more threads, or none any more: the token is still good
            self._land(flight)

    def _board(self) -> tuple[_Flight, bool]:
        """The flight to wait for, and whether it is the caller who has to fly it."""
        with self._lock:
            now, flight = self._clock(), self._flight
            if flight is not None and 0 <= now - flight.since < self._stale_after:
                return flight, False
            self._flight = flight = _Flight(now, self._generation)
            return flight, True

    def _fly(self, flight: _Flight, patience: Patience) -> None:
        cold = self._token is None
        try:
            exchanged = self._make_awake(flight, patience)
        except BaseException as error:
            awaited = self._land(flight)
            flight.future.set_exception(error)
            if awaited and isinstance(error, ChainError):
                self._report.failed(error, cold=cold)
        else:
            self._land(flight, exchanged)
            flight.future.set_result(exchanged.token)
            self._report.made(exchanged, cold=cold)

    def _make_awake(self, flight: _Flight, patience: Patience) -> Exchanged:
        """An exchange that fails for having slept says nothing: what it signed is stale and its time is over."""
        while True:
            began = self._clock()
            try:
                return self._make(patience)
            except ChainError:
                slept = not 0 <= self._clock() - began <= patience.seconds + LEEWAY
                if not slept or not self._take_off_again(flight):
                    raise

    def _take_off_again(self, flight: _Flight) -> bool:
        """Whether nobody has begun another meanwhile; then this one begins now."""
        with self._lock:
            still = self._flight is flight
            if still:
                flight.since = self._clock()
            return still

    def _land(self, flight: _Flight, exchanged: Exchanged | None = None) -> bool:
        """Keep what the flight brought; whether anybody may still have been waiting for it."""
        with self._lock:
            awaited = self._flight is flight
            if awaited:
                self._flight = None
            held = self._token
            ours = flight.generation == self._generation
            if exchanged and ours and (held is None or exchanged.token.expires_at >= held.expires_at):
                self._token = exchanged.token
                life = exchanged.token.expires_at - self._clock()
                self._refresh_at = exchanged.token.expires_at - min(REFRESH_WINDOW, life / 4)
            return awaited

    def _stand_alone(self) -> None:
        self._lock = threading.Lock()
        self._flight = None


_caches: "WeakSet[TokenCache]" = WeakSet()


def _after_fork() -> None:
    for cache in _caches:
        cache._stand_alone()


os.register_at_fork(after_in_child=_after_fork)
