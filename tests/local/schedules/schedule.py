"""A schedule: what is asked of two stacks, in which order, and what goes wrong meanwhile."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.local.schedules.by_hand import Hand, hands
from tests.local.schedules.faults import Trouble, troubles
from tests.local.schedules.tampering import ACTS
from tests.local.schedules.wishes import Wish, wishes

ALTERS = ("everything", "upkeep", "leave", "nothing")


@dataclass(frozen=True, slots=True)
class Act:
    """Deploy `wish`, or delete with None; `tampers`: what a person did before; `breaks`: a function then fails.

    `alters` is what of `wish` is deployed where something is deployed already, all else staying as it is.
    """

    stack: str
    wish: Wish | None
    troubles: tuple[Trouble, ...] = ()
    tampers: str = ""
    breaks: bool = False
    alters: str = "everything"

    def after(self, before: Wish | None) -> Wish | None:
        """What is deployed where `before` is."""
        if self.wish is None or before is None or self.alters == "everything":
            return self.wish
        leave = replace(before.upkeep, leave=not before.upkeep.leave)
        upkeep = {"upkeep": self.wish.upkeep, "leave": leave, "nothing": before.upkeep}[self.alters]
        return replace(before, upkeep=upkeep)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`takes_new_id`: CloudFormation believes the ID in a failed update's answer; `farewell`: as `a` goes at last.

    `hand` is what a person had made before.
    """

    acts: tuple[Act, ...]
    shape: str = "phases"
    enabled: bool = True
    takes_new_id: bool = False
    farewell: tuple[Trouble, ...] = ()
    hand: Hand = Hand()  # noqa: RUF009 -- a frozen value


def schedules() -> st.SearchStrategy[Schedule]:
    """Up to three acts, most of them in some trouble."""
    some = st.one_of(st.just(()), st.tuples(troubles()), *[st.tuples(troubles(), troubles(), troubles())] * 2)
    rarely = st.sampled_from((False, False, False, True))
    more = {"troubles": some, "tampers": st.sampled_from(("", "", "", *ACTS)), "breaks": rarely}
    altered = st.sampled_from(("everything", "everything", *ALTERS))
    stacks = st.sampled_from(("a", "a", "b"))
    first = st.builds(Act, stack=st.just("a"), wish=wishes(), **more)
    act = st.builds(Act, stack=stacks, wish=st.one_of(wishes(), wishes(), wishes(), st.none()), alters=altered, **more)
    acts = st.one_of(st.tuples(first), st.tuples(first, act), st.tuples(first, act), st.tuples(first, act, act))
    return st.builds(
        Schedule,
        acts=acts,
        shape=st.sampled_from(("phases", "phases", "whole")),
        enabled=st.sampled_from((True, True, False)),
        takes_new_id=st.booleans(),
        farewell=some,
        hand=hands(),
    )
