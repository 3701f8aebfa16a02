"""Keep one token for all threads of the process: made once, refreshed before it expires, by the wall clock.

Lambda suspends a process between requests for minutes or hours, and only the wall clock goes on. So the token's age is
checked at each use, no timer is trusted, and nobody waits for an exchange that was suspended.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from weakref import WeakSet

from keyless.chain.exchange import Exchanged, Patience
from keyless.chain.exchange_log import ExchangeLog
from keyless.chain.links import Token
from keyless.errors import ChainError

REFRESH_WINDOW = 600.0
"""Seconds before its expiry in which a token is refreshed; a quarter of its lifetime when that is less."""

LEEWAY = 10.0
"""Seconds before its expiry at which a token counts as expired: the request takes time as well."""

RETRY_AFTER = 15.0
"""Seconds after which a failed refresh of a still valid token is tried again."""

STALE_AFTER = 5.0
"""Seconds after which a refresh is no longer joined or awaited: it was suspended, is stuck, or has more patience than a
request. The next caller starts a new one."""


class _Refresh:
    """An exchange in progress, since when (wall clock), how often the cache had been emptied before, and its number."""

    def __init__(self, since: float, generation: int, number: int) -> None:
        self.since, self.generation, self.number = since, generation, number
        self.future: Future[Token] = Future()  # no dataclass: making one costs a cold start 0.2 ms


class TokenCache:
    """Keeps one token, and makes a new one with `make` when it is needed.

    Safe for threads: however many ask, one exchange is in progress. Safe for forks: a child keeps the token, which is
    as good there, and ignores the refresh of its parent. A failure is raised to those who waited for it and then
    forgotten: the next request tries again. `patience` is a request's.
    """

    def __init__(
        self,
        make: Callable[[Patience], Exchanged],
        *,
        patience: Patience | None = None,
        log: ExchangeLog | None = None,
        clock: Callable[[], float] = time.time,
        stale_after: float = STALE_AFTER,
    ) -> None:
        self._make = make
        self._patience = patience or Patience()
        self._log = log or ExchangeLog()
        self._clock = clock
        self._stale_after = stale_after
        self._token: Token | None = None
        self._refresh_at = 0.0
        self._generation = 0
        self._begun = self._kept = 0  # how many exchanges began, and the number of the one whose token is kept
        self._refresh: _Refresh | None = None
        self._reset_lock()
        _caches.add(self)

    def peek(self) -> Token | None:
        """Return the token if it is valid; never wait."""
        token = self._token
        return token if token is not None and self._clock() < token.expires_at - LEEWAY else None

    def token(self) -> Token:
        """Return a valid token: at once when there is one, else from one exchange, whoever makes it.

        Near the token's expiry one thread refreshes it meanwhile. Raises the exchange's ChainError.
        """
        token = self.peek()
        if token is None:
            return self.renew()
        if self._clock() >= self._refresh_at:
            self._refresh_in_background()
        return token

    def renew(self, patience: Patience | None = None) -> Token:
        """Return the token of an exchange that ends after this call began: one in progress, or a new one."""
        while True:
            refresh, mine = self._join_or_start()
            if mine:
                self._run(refresh, patience or self._patience)
                return refresh.future.result()
            with contextlib.suppress(TimeoutError):
                return refresh.future.result(self._stale_after)

    def forget(self) -> None:
        """Drop the token, and the result of a refresh in progress, whenever it arrives."""
        with self._lock:
            self._token = self._refresh = None
            self._generation += 1

    def _refresh_in_background(self) -> None:
        refresh, mine = self._join_or_start()
        if not mine:
            return
        self._refresh_at = self._clock() + RETRY_AFTER
        work = threading.Thread(target=self._run, args=(refresh, self._patience), name="keyless-refresh", daemon=True)
        try:
            work.start()
        except RuntimeError:  # no more threads, or none any more: the token is still good
            self._finish(refresh)

    def _join_or_start(self) -> tuple[_Refresh, bool]:
        """Return the refresh to wait for, and whether the caller has to run it."""
        with self._lock:
            now, refresh = self._clock(), self._refresh
            if refresh is not None and 0 <= now - refresh.since < self._stale_after:
                return refresh, False
            self._begun += 1
            self._refresh = refresh = _Refresh(now, self._generation, self._begun)
            return refresh, True

    def _run(self, refresh: _Refresh, patience: Patience) -> None:
        cold = self._token is None
        try:
            exchanged = self._exchange(refresh, patience)
        except BaseException as error:
            awaited = self._finish(refresh)
            refresh.future.set_exception(error)
            if awaited and isinstance(error, ChainError):
                self._log.failed(error, cold=cold)
        else:
            self._finish(refresh, exchanged)
            refresh.future.set_result(exchanged.token)
            self._log.made(exchanged, cold=cold)

    def _exchange(self, refresh: _Refresh, patience: Patience) -> Exchanged:
        """Exchange, and repeat what failed because the process was suspended: its signature and its time are over."""
        while True:
            began = self._clock()
            try:
                return self._make(patience)
            except ChainError:
                suspended = not 0 <= self._clock() - began <= patience.seconds + LEEWAY
                if not suspended or not self._restart(refresh):
                    raise

    def _restart(self, refresh: _Refresh) -> bool:
        """Return whether this is still the current refresh; if so, it counts from now."""
        with self._lock:
            still = self._refresh is refresh
            if still:
                refresh.since = self._clock()
            return still

    def _finish(self, refresh: _Refresh, exchanged: Exchanged | None = None) -> bool:
        """Keep the result of the refresh; return whether anybody may still have been waiting for it."""
        with self._lock:
            awaited = self._refresh is refresh
            if awaited:
                self._refresh = None
            ours = refresh.generation == self._generation
            # By the order in which they began, not by expiry: a refused token may be followed by one that ends earlier.
            if exchanged and ours and refresh.number > self._kept:
                self._token, self._kept = exchanged.token, refresh.number
                life = exchanged.token.expires_at - self._clock()
                self._refresh_at = exchanged.token.expires_at - min(REFRESH_WINDOW, life / 4)
            return awaited

    def _reset_lock(self) -> None:
        self._lock = threading.Lock()
        self._refresh = None


_caches: "WeakSet[TokenCache]" = WeakSet()


def _after_fork() -> None:
    for cache in _caches:
        cache._reset_lock()


os.register_at_fork(after_in_child=_after_fork)
