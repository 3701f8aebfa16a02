"""One token for all, by the wall clock: counted in exchanges, never in seconds."""

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from keyless import ExchangeError, failures
from keyless.chain.cache import LEEWAY, REFRESH_WINDOW, RETRY_AFTER, STALE_AFTER, TokenCache
from keyless.chain.exchange import Exchanged, Patience
from keyless.chain.links import Token

LIFE = 3600.0
PATIENCE = 60.0
"""Seconds after which a test is given up that hangs: nothing is expected to take so long."""


class Bench:
    """A cache on a clock that is set by hand and an exchange that can be held or broken."""

    def __init__(self, stale_after: float = STALE_AFTER) -> None:
        self.now = 1_000_000.0
        self.made = 0
        self.broken = False
        self.life = LIFE
        self.open = threading.Event()
        self.open.set()
        self.gates: dict[int, threading.Event] = {}
        self.entered = threading.Semaphore(0)
        self.cache = TokenCache(self.make, clock=lambda: self.now, stale_after=stale_after)
        self.joined = threading.Semaphore(0)
        self.cache._join_or_start, self._join = self._tell_of_joining, self.cache._join_or_start  # type: ignore[method-assign]

    def make(self, patience: Patience) -> Exchanged:
        self.made += 1
        number, broken, began = self.made, self.broken, self.now
        self.entered.release()
        assert self.gates.get(number, self.open).wait(PATIENCE)
        if broken:
            raise ExchangeError("the provider", failures.find("host-unreachable"))
        token = Token(value=f"token-{number}", expires_at=began + self.life)
        return Exchanged(token=token, milliseconds={}, retries=0)

    def _tell_of_joining(self) -> Any:
        joined = self._join()
        self.joined.release()
        return joined

    def background_done(self) -> None:
        for thread in threading.enumerate():
            if thread.name == "keyless-refresh":
                thread.join(PATIENCE)

    def value(self) -> str:
        return self.cache.token().value


@pytest.fixture
def bench() -> Bench:
    return Bench()


def in_thread(call: Callable[[], str]) -> "tuple[threading.Thread, list[str]]":
    result: list[str] = []
    thread = threading.Thread(target=lambda: result.append(call()))
    thread.start()
    return thread, result


def test_a_token_is_made_once_and_then_given_out(bench: Bench) -> None:
    assert bench.cache.peek() is None
    assert [bench.value() for _ in range(3)] == ["token-1"] * 3
    assert bench.made == 1


def test_64_threads_share_one_exchange(bench: Bench) -> None:
    bench.open.clear()
    start = threading.Barrier(65)

    def ask() -> str:
        start.wait()
        return bench.value()

    with ThreadPoolExecutor(64) as pool:
        asked = [pool.submit(ask) for _ in range(64)]
        start.wait()
        assert bench.entered.acquire(timeout=PATIENCE)
        bench.open.set()
        assert {one.result() for one in asked} == {"token-1"}
    assert bench.made == 1


def test_near_the_end_one_thread_renews_and_nobody_waits(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - REFRESH_WINDOW + 1
    bench.open.clear()
    assert [bench.value() for _ in range(10)] == ["token-1"] * 10
    bench.open.set()
    bench.background_done()
    assert bench.value() == "token-2"
    assert bench.made == 2


def test_before_the_window_nothing_is_renewed(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - REFRESH_WINDOW - 1
    bench.value()
    assert bench.made == 1


def test_a_short_token_has_a_window_of_a_quarter_of_its_life(bench: Bench) -> None:
    bench.life = 600.0
    bench.value()
    bench.now += 449
    bench.value()
    assert bench.made == 1
    bench.now += 2
    bench.value()
    bench.background_done()
    assert bench.made == 2


def test_a_renewal_that_fails_leaves_the_valid_token_and_is_tried_again_later(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - REFRESH_WINDOW + 1
    bench.broken = True
    for _ in range(10):
        assert bench.value() == "token-1"
        bench.background_done()
    assert bench.made == 2
    bench.broken = False
    bench.now += RETRY_AFTER + 1
    assert bench.value() == "token-1"
    bench.background_done()
    assert bench.value() == "token-3"


def test_an_expired_token_is_not_given_out(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - LEEWAY
    assert bench.cache.peek() is None
    assert bench.value() == "token-2"


def test_a_failure_is_told_to_all_who_waited_and_then_forgotten(bench: Bench) -> None:
    bench.broken = True
    bench.open.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(bench.value) for _ in range(8)]
        for _ in asked:
            assert bench.joined.acquire(timeout=PATIENCE)
        bench.open.set()
        assert all(isinstance(one.exception(), ExchangeError) for one in asked)
    bench.broken = False
    made = bench.made
    assert bench.value() == f"token-{made + 1}"


def test_an_error_that_is_not_ours_does_not_block_the_cache_either(bench: Bench) -> None:
    real, bench.cache._make = bench.cache._make, lambda patience: 1 / 0  # type: ignore[assignment, return-value]
    with pytest.raises(ZeroDivisionError):
        bench.value()
    bench.cache._make = real
    assert bench.value() == "token-1"


def test_nobody_waits_for_an_exchange_that_slept(bench: Bench) -> None:
    bench.gates = {1: threading.Event()}
    sleeper, slept = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.now += STALE_AFTER + 3600  # frozen for an hour in the middle of it
    assert bench.value() == "token-2"
    bench.gates[1].set()
    sleeper.join(PATIENCE)
    assert slept == ["token-1"]
    assert bench.value() == "token-2"  # the later to expire, not the later to arrive
    assert bench.made == 2


def test_an_exchange_that_slept_does_not_take_the_place_of_the_new_one(bench: Bench) -> None:
    bench.gates = {1: threading.Event(), 2: threading.Event()}
    sleeper, _ = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.now += STALE_AFTER + 3600
    awake, _ = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.gates[1].set()
    sleeper.join(PATIENCE)
    joining, joined = in_thread(bench.value)
    for _ in range(3):
        assert bench.joined.acquire(timeout=PATIENCE)
    bench.gates[2].set()
    joining.join(PATIENCE)
    awake.join(PATIENCE)
    assert joined == ["token-2"]
    assert bench.made == 2


def test_a_request_waits_no_longer_for_a_patient_exchange_than_for_its_own() -> None:
    bench = Bench(stale_after=0.2)
    bench.open.clear()
    patient, _ = in_thread(lambda: bench.cache.renew(Patience(seconds=100, propagation=True)).value)
    assert bench.entered.acquire(timeout=PATIENCE)
    request, own = in_thread(bench.value)
    for _ in range(2):
        assert bench.joined.acquire(timeout=PATIENCE)
    bench.now += 1
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.open.set()
    request.join(PATIENCE)
    patient.join(PATIENCE)
    assert own == ["token-2"]


def test_a_clock_that_was_set_back_does_not_stop_renewals(bench: Bench) -> None:
    bench.open.clear()
    first, _ = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.now -= 3600
    second, renewed = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.open.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert renewed == ["token-2"]


def test_a_renewal_that_slept_and_failed_for_it_is_made_anew(bench: Bench) -> None:
    bench.gates = {1: threading.Event()}
    bench.broken = True
    sleeper, woken = in_thread(lambda: bench.cache.renew().value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.broken = False
    bench.now += 3600  # frozen: what it signed is stale, its connection dead, its time over
    bench.gates[1].set()
    sleeper.join(PATIENCE)
    assert woken == ["token-2"]
    assert bench.value() == "token-2"


def test_a_renewal_that_slept_through_a_clock_that_was_set_back_is_made_anew(bench: Bench) -> None:
    bench.gates = {1: threading.Event()}
    bench.broken = True
    sleeper, woken = in_thread(lambda: bench.cache.renew().value)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.broken = False
    bench.now -= 60
    bench.gates[1].set()
    sleeper.join(PATIENCE)
    assert woken == ["token-2"]


def test_a_renewal_that_slept_is_not_made_anew_when_somebody_has_done_so(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - REFRESH_WINDOW + 1
    bench.gates = {2: threading.Event()}
    bench.broken = True
    assert bench.value() == "token-1"
    assert bench.entered.acquire(timeout=PATIENCE)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.broken = False
    bench.now += LIFE  # frozen in the middle of the renewal; a request comes before that goes on
    assert bench.value() == "token-3"
    bench.gates[2].set()
    bench.background_done()
    assert bench.value() == "token-3"
    assert bench.made == 3


@pytest.mark.parametrize("every", [1, 60, 540], ids="a request every {} s".format)
@pytest.mark.parametrize("life", [3600.0, 43_200.0])
def test_while_requests_flow_none_waits_for_half_a_day(bench: Bench, every: int, life: float) -> None:
    bench.life = life
    bench.value()
    for _ in range(0, 43_200, every):
        bench.now += every
        assert bench.cache.peek() is not None
        bench.value()
        bench.background_done()
    assert bench.made <= 2 + 43_200 / (life - REFRESH_WINDOW)


def test_while_requests_flow_none_waits_though_every_second_renewal_fails(bench: Bench) -> None:
    bench.value()
    for _ in range(0, 43_200, 60):
        bench.now += 60
        bench.broken = bench.made % 2 == 0
        assert bench.cache.peek() is not None
        bench.value()
        bench.background_done()


def test_a_renewal_for_which_there_is_no_thread_is_made_later(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE - REFRESH_WINDOW + 1
    usual = threading.stack_size(1 << 46)  # more than there is: no thread can start
    try:
        assert bench.value() == "token-1"
    finally:
        threading.stack_size(usual)
    bench.now += RETRY_AFTER + 1
    bench.value()
    bench.background_done()
    assert bench.value() == "token-2"


def test_what_was_forgotten_is_gone_and_what_was_under_way_does_not_bring_it_back(bench: Bench) -> None:
    bench.value()
    bench.gates = {2: threading.Event()}
    late, _ = in_thread(lambda: bench.cache.renew().value)
    assert bench.entered.acquire(timeout=PATIENCE)
    assert bench.entered.acquire(timeout=PATIENCE)
    bench.cache.forget()
    assert bench.cache.peek() is None
    bench.gates[2].set()
    late.join(PATIENCE)
    assert bench.cache.peek() is None
    assert bench.value() == "token-3"


def test_a_refused_token_is_replaced_by_one_that_ends_earlier(bench: Bench) -> None:
    assert bench.value() == "token-1"
    bench.life = LIFE / 2
    assert bench.cache.renew().value == "token-2"
    assert bench.value() == "token-2"


def test_a_forced_renewal_joins_one_under_way(bench: Bench) -> None:
    bench.open.clear()
    first, _ = in_thread(bench.value)
    assert bench.entered.acquire(timeout=PATIENCE)
    second, renewed = in_thread(lambda: bench.cache.renew().value)
    for _ in range(2):
        assert bench.joined.acquire(timeout=PATIENCE)
    bench.open.set()
    first.join(PATIENCE)
    second.join(PATIENCE)
    assert renewed == ["token-1"]
    assert bench.cache.renew().value == "token-2"


def test_a_forked_child_keeps_the_token_and_not_the_parents_exchange(bench: Bench) -> None:
    bench.value()
    bench.now += LIFE
    bench.open.clear()
    thread, _ = in_thread(bench.value)
    for _ in range(2):  # the first is over, and this one is under way: it must have seen an expired token
        assert bench.entered.acquire(timeout=PATIENCE)
    bench.now -= LIFE
    child = forked(lambda: int(bench.value() == "token-1") and hung_exchange_is_not_joined(bench))
    bench.open.set()
    thread.join(PATIENCE)
    assert child == 1


def hung_exchange_is_not_joined(bench: Bench) -> int:
    bench.now += LIFE
    bench.open = threading.Event()
    bench.open.set()
    return int(bench.value() == "token-3")


def forked(call: Callable[[], int]) -> int:
    """What `call` returns in a forked child; 99 if it raises there."""
    pid = os.fork()
    if pid == 0:
        code = 99
        signal.alarm(int(PATIENCE))  # ends a child that waits for an exchange which nobody makes
        try:
            code = call()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
