"""A schedule: what is asked of two stacks, in which order, and what goes wrong meanwhile; and how it is played."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.local.invocation import CloudFormation
from tests.local.schedules.cloud import OTHER, PROJECT
from tests.local.schedules.cloudformation import CLEAN_ATTEMPTS, SHAPES, Stack
from tests.local.schedules.delivery import Delivery, Session
from tests.local.schedules.faults import Trouble, troubles
from tests.local.schedules.injection import Wire
from tests.local.schedules.invariants import differences, remains
from tests.local.schedules.tampering import ACTS, tamper
from tests.local.schedules.wishes import Wish, wishes
from tests.local.schedules.world import World


@dataclass(frozen=True, slots=True)
class Act:
    """Deploy `wish`, or delete with None; `tampers`: what a person did before; `breaks`: a function then fails."""

    stack: str
    wish: Wish | None
    troubles: tuple[Trouble, ...] = ()
    tampers: str = ""
    breaks: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """`takes_new_id`: CloudFormation believes the ID in a failed update's answer; `farewell`: as `a` goes at last."""

    acts: tuple[Act, ...]
    shape: str = "phases"
    enabled: bool = True
    takes_new_id: bool = False
    farewell: tuple[Trouble, ...] = ()


def schedules() -> st.SearchStrategy[Schedule]:
    """Up to three acts, most of them in some trouble."""
    some = st.one_of(st.just(()), st.tuples(troubles()), *[st.tuples(troubles(), troubles(), troubles())] * 2)
    rarely = st.sampled_from((False, False, False, True))
    more = {"troubles": some, "tampers": st.sampled_from(("", "", "", *ACTS)), "breaks": rarely}
    stacks = st.sampled_from(("a", "a", "a", "b"))
    first = st.builds(Act, stack=st.just("a"), wish=wishes(), **more)
    act = st.builds(Act, stack=stacks, wish=st.one_of(wishes(), wishes(), wishes(), st.none()), **more)
    acts = st.one_of(st.tuples(first), st.tuples(first, act), st.tuples(first, act), st.tuples(first, act, act))
    return st.builds(
        Schedule,
        acts=acts,
        shape=st.sampled_from(("phases", "phases", "whole")),
        enabled=st.sampled_from((True, True, False)),
        takes_new_id=st.booleans(),
        farewell=some,
    )


@dataclass(slots=True)
class Play:
    """One schedule under way."""

    schedule: Schedule
    ear: CloudFormation
    session: Session = Wire
    world: World = field(default_factory=World)
    stacks: dict[str, Stack] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def run(self) -> World:
        """The world afterwards; it stops at the first problem."""
        self.world.enable(*((PROJECT,) if self.schedule.enabled else ()), OTHER)
        for name in ("a", "b"):
            delivery = Delivery(self.world, self.ear, self.session)
            self.stacks[name] = Stack(name, SHAPES[self.schedule.shape], delivery)
            self.stacks[name].takes_new_id = self.schedule.takes_new_id
        for step in [*(lambda it=act: self._act(it) for act in self.schedule.acts), self._end]:
            if not self.world.problems:
                step()
        return self.world

    def _act(self, act: Act) -> None:
        stack, wish = self.stacks[act.stack], act.wish
        stack.tampered = bool(act.tampers) or stack.delivery.late or bool(stack.delivery.waiting)
        if act.tampers and stack.wish:
            tamper(self.world.local, stack.name, stack.wish, act.tampers)
        self.world.story.append(f"stack {stack.name}: {f'deploy {wish}' if wish else 'delete'}")
        if wish is None:
            stack.delete(iter(act.troubles))
            self._settle_accounts(stack)
            return
        self._keep(stack, wish)
        done = stack.deploy(wish, iter(act.troubles), breaks=act.breaks)
        if not done:
            self._settle_accounts(stack)
        if not done or stack.delivery.late:
            self._converge(stack, wish)
        self._compare(stack, wish)

    def _converge(self, stack: Stack, wish: Wish) -> None:
        """The same once more, with nothing going wrong: twice must do."""
        stack.delivery.late = False
        self.world.story.append(f"stack {stack.name}: deploy again, in peace")
        if not any(stack.deploy(wish, iter(())) for _ in range(CLEAN_ATTEMPTS)):
            self.world.problems.append(f"no convergence within {CLEAN_ATTEMPTS} attempts in peace")

    def _settle_accounts(self, stack: Stack) -> None:
        """After a rollback or a deletion all is as before, or nothing is left."""
        if stack.delivery.late or stack.delivery.waiting:
            return
        if stack.wish:
            self._compare(stack, stack.wish, "after the rollback: ")
        else:
            self._require_gone(stack)

    def _compare(self, stack: Stack, wish: Wish, when: str = "") -> None:
        self.world.problems += [f"{when}{told}" for told in differences(self.world.local, stack.name, wish)]

    def _require_gone(self, stack: Stack) -> None:
        self.world.problems += [f"left: {told}" for told in remains(self.world.local, stack.name, self.kept)]

    def _keep(self, stack: Stack, wish: Wish) -> None:
        """Pools that may stay: retained once, or shared."""
        used = {act.stack for act in self.schedule.acts if act.wish and act.wish.pool == wish.pool}
        if wish.retain or len(used) > 1:
            self.kept.add(wish.pool)

    def _end(self) -> None:
        for name, stack in self.stacks.items():
            other = next(stack for key, stack in self.stacks.items() if key != name)
            self.world.story.append(f"stack {name}: delete")
            if stack.wish:
                before = stack.delivery.changes
                stack.deploy(stack.wish, iter(()))
                self.world.require(stack.delivery.changes == before, "a second deployment in peace changes something")
            stack.delete(iter(self.schedule.farewell if name == "a" else ()))
            stack.delivery.flush()
            self._require_gone(stack)
            if other.wish and not self.world.problems:
                self._compare(other, other.wish, f"after {name} was deleted: ")
