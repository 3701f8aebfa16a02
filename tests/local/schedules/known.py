"""Schedules that were not survived once, or that any change may bring to fall, each as small as it could be made."""

from dataclasses import replace

from tests.local.schedules.faults import (
    CALM,
    DONE,
    GARBAGE,
    KILL_AFTER,
    LOST,
    NOT_DONE,
    READS,
    REFUSED,
    WRITES,
    Fault,
    Trouble,
)
from tests.local.schedules.schedule import Act, Schedule
from tests.local.schedules.upkeep import Upkeep
from tests.local.schedules.wishes import Account, Wish

NOTHING = Wish("pool-one", "provider-one", True, ())
ELSEWHERE = Wish("pool-one", "provider-two", True, ())
READER = Wish("pool-one", "provider-one", True, (Account("reader", ("one-role",), (), False),))
GRANTED = Wish("pool-one", "provider-one", True, (Account("reader", ("one-role",), ("sales", "files"), False),))

SCHEDULES = {
    "a delete before its API was enabled": Schedule(
        (Act("a", NOTHING, (Trouble((Fault(REFUSED, "POST services:batchEnable", lasting=True),)),)),), enabled=False
    ),
    "a delete that asks nothing and is not heard": Schedule(
        (Act("a", NOTHING), Act("a", None, (Trouble(deaf=5),))),
    ),
    "new grants of an update that is rolled back": Schedule((Act("a", READER), Act("a", GRANTED, breaks=True))),
    "a new provider of an update that is killed": Schedule(
        (Act("a", READER), Act("a", ELSEWHERE, (Trouble((Fault(KILL_AFTER, "POST providers"),)),))), shape="whole"
    ),
    "a new provider of an opening that is killed": Schedule(
        (Act("a", READER), Act("a", ELSEWHERE, (Trouble((Fault(KILL_AFTER, "POST providers"),)),)))
    ),
    "an account that comes back after its grants were left": Schedule(
        (Act("a", NOTHING, (Trouble(late=True),)), Act("a", GRANTED, (CALM,))), shape="whole"
    ),
    "an answer that does not come in its time": Schedule(
        (Act("a", NOTHING, (Trouble((Fault("timeout", "GET projects/*"),)),)),)
    ),
    "a provider's deletion whose answer is lost": Schedule(
        (Act("a", GRANTED),), farewell=(CALM, Trouble((Fault(LOST, "DELETE providers/*"),)))
    ),
    "an account's deletion whose answer is lost": Schedule(
        (Act("a", GRANTED),), farewell=(CALM, Trouble((Fault(LOST, "DELETE serviceAccounts/*"),)))
    ),
    "a brake of a shared pool that both speak of": Schedule(
        (
            Act("a", NOTHING),
            Act("b", replace(NOTHING, upkeep=Upkeep(pool_disabled=False))),
            Act("a", replace(NOTHING, upkeep=Upkeep(pool_disabled=True))),
            Act("b", ELSEWHERE, breaks=True),
        )
    ),
    "a retry that meets what a kill left": Schedule(
        (Act("a", GRANTED, (Trouble((Fault(KILL_AFTER, "POST serviceAccounts"),), repeated=True),)),)
    ),
}

# A stack with all kinds of grants is made, changed and deleted, and every kind of call meets answers that are none.
MANY = Account("reader", ("one-role",), ("jobs", "sales", "orders"), False)
ALL = Wish("pool-one", "provider-one", False, (MANY,))
OTHERS = replace(ALL, accounts=(replace(MANY, roles=("two-role",), grants=("logs", "visits")),), direct=("jobs",))


def garbled(at: str, what: str) -> Schedule:
    """In each event, all garbage comes one after the other, in place of the answers to the first calls of this kind."""
    trouble = Trouble(tuple(Fault(f"{form}, {what}", at, nth) for nth, form in enumerate(reversed(GARBAGE))))
    acts = (Act("a", ALL, (trouble,) * 2), Act("a", OTHERS, (trouble,) * 2), Act("b", ALL))
    return Schedule(acts, enabled=False, farewell=(trouble,) * 2)


SCHEDULES |= {f"garbage at {at}": garbled(at, NOT_DONE) for at in READS}
SCHEDULES |= {f"garbage at {at}, {what}": garbled(at, what) for at in WRITES for what in (DONE, NOT_DONE)}
