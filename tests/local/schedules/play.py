"""How a schedule is played: each act through CloudFormation, and after each what must hold."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tests.local.invocation import CloudFormation
from tests.local.schedules.brakes import brakes, released
from tests.local.schedules.by_hand import ByHand
from tests.local.schedules.cloud import OTHER, PROJECT
from tests.local.schedules.cloudformation import SHAPES, Stack
from tests.local.schedules.conversation import CLEAN_ATTEMPTS
from tests.local.schedules.delivery import Delivery, Session
from tests.local.schedules.faults import Trouble
from tests.local.schedules.footprint import Footprint, footprint, intended
from tests.local.schedules.injection import Wire
from tests.local.schedules.invariants import differences
from tests.local.schedules.leftovers import Leftovers
from tests.local.schedules.refusals import refusals
from tests.local.schedules.schedule import Act, Schedule
from tests.local.schedules.tampering import tamper
from tests.local.schedules.upkeep import Upkeep
from tests.local.schedules.watch import Watch
from tests.local.schedules.wishes import Wish
from tests.local.schedules.world import World


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
        self.world.hand = ByHand.make(self.world.local, self.schedule.hand)
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
        stack = self.stacks[act.stack]
        if act.tampers and stack.wish:
            tamper(self.world, stack.name, stack.wish, act.tampers)
            for one in self.stacks.values() if act.tampers == "the logs" else (stack,):  # they are the project's
                one.drifted = True
        stack.tampered = stack.drifted or stack.delivery.late or bool(stack.delivery.waiting)
        wish = act.after(stack.wish)
        self.world.story.append(f"stack {stack.name}: {f'deploy {wish}' if wish else 'delete'}")
        if wish is None:
            self._delete(stack, act.troubles)
            self._settle_accounts(stack)
            return
        self._keep(stack, wish)
        self._deploy(stack, wish, act)

    def _deploy(self, stack: Stack, wish: Wish, act: Act) -> None:
        if stack.name == "a":
            self.world.hand.claim(intended(stack.name, wish))
        reasons, before = refusals(self.world.local, stack.name, wish, stack.wish), stack.wish
        was, stack.delivery.refused = brakes(self.world.local, stack.name, before or wish), bool(reasons)
        done = self._watch(stack).over(wish, lambda: stack.deploy(wish, iter(act.troubles), breaks=act.breaks))
        stack.delivery.refused = False
        if reasons and stack.looked:
            self.world.tally.update(reasons)
            self.world.require(not done, f"not refused: {reasons}")
        if not done:
            was = released(was, wish, brakes(self.world.local, stack.name, before or wish))
            self._watch(stack).require(before, wish, was, "after the rollback: ")
            self._settle_accounts(stack)
        if reasons:
            stack.drifted, stack.delivery.late = stack.drifted or stack.delivery.late, False
        elif stack.delivery.late or not done:
            self._converge(stack, wish)
        if stack.wish == wish:
            self._compare(stack, wish)

    def _delete(self, stack: Stack, troubles: Iterable[Trouble]) -> None:
        wish = stack.wish
        if wish:
            self._watch(stack).over(wish, lambda: stack.delete(iter(troubles)))
        else:
            stack.delete(iter(troubles))

    def _converge(self, stack: Stack, wish: Wish) -> None:
        """The same once more, with nothing going wrong: twice must do. What came late must be looked for."""
        late, stack.delivery.late = stack.delivery.late, False
        self.world.story.append(f"stack {stack.name}: deploy again, in peace")
        for _ in range(CLEAN_ATTEMPTS):
            if self._watch(stack).over(wish, lambda: stack.deploy(wish, iter(()), anew=late)):
                return
        self.world.problems.append(f"no convergence within {CLEAN_ATTEMPTS} attempts in peace")

    def _watch(self, stack: Stack) -> Watch:
        return Watch(self.world, stack, self._other(stack))

    def _other(self, stack: Stack) -> Stack:
        return next(other for other in self.stacks.values() if other is not stack)

    def _settle_accounts(self, stack: Stack) -> None:
        """After a rollback or a deletion all is as before, or nothing is left."""
        if stack.delivery.late or stack.delivery.waiting:
            return
        if stack.wish:
            self._compare(stack, stack.wish, "after the rollback: ")
        else:
            self._require_gone(stack)

    def _compare(self, stack: Stack, wish: Wish, when: str = "") -> None:
        if stack.drifted:
            return
        local, hand, bystanders = self.world.local, self.world.hand, self.world.bystanders
        others = hand.share(local, stack.name) | stack.left.excused
        told = differences(local, stack.name, wish, others)
        self.world.tally["Data Access logged"] += bool(wish.upkeep.logs)
        told += [f"not logged: {what}" for what in bystanders.unlogged(local, wish.upkeep.logs)]
        told += hand.wrongs(wish) if stack.name == "a" and not stack.left.wishes else []
        self.world.problems += [f"{when}{what}" for what in told]

    def _require_gone(self, stack: Stack) -> None:
        local, hand = self.world.local, self.world.hand
        others = hand.share(local, stack.name) | stack.left.excused | Footprint(pools=frozenset(self.kept))
        told = (footprint(local, stack.name) - others).told() + (
            hand.wrongs(None) if stack.name == "a" and not stack.left.wishes else []
        )
        self.world.problems += [f"left: {what}" for what in told]

    def _keep(self, stack: Stack, wish: Wish) -> None:
        """Pools that may stay: retained once, or shared."""
        used = {act.stack for act in self.schedule.acts if act.wish and act.wish.pool == wish.pool}
        if wish.retain or len(used) > 1:
            self.kept.add(wish.pool)
        self.world.bystanders.asked |= set(wish.upkeep.logs)

    def _end(self) -> None:
        for name, stack in self.stacks.items():
            self.world.story.append(f"stack {name}: delete")
            if stack.wish:
                self._look_again(stack, stack.wish)
            self._delete(stack, self.schedule.farewell if name == "a" else ())
            stack.delivery.flush()
            self._require_gone(stack)
            other = self._other(stack)
            if other.wish and not self.world.problems:
                self._compare(other, other.wish, f"after {name} was deleted: ")
        for stack in self.stacks.values():
            self._recover(stack)
        self.world.tally.update(self.world.hand.adopted)

    def _look_again(self, stack: Stack, wish: Wish) -> None:
        """A deployment that looks changes nothing where all is well, and mends what a person did."""
        before, drifted = stack.delivery.changes, stack.drifted
        reasons = refusals(self.world.local, stack.name, wish, wish)
        done = stack.deploy(wish, iter(()), anew=True)
        self.world.require(
            done is not bool(reasons), f"deployed: {done}, though {reasons or 'nothing stood against it'}"
        )
        if done:
            same = drifted or stack.delivery.changes == before
            self.world.require(same, "a second deployment in peace changes something")
            self._compare(stack, wish)

    def _recover(self, stack: Stack) -> None:
        """What was left is taken up by a stack of the same name, and goes with it; what two share, the second time."""
        for wish in [*reversed(stack.left.wishes), *reversed(stack.left.wishes)]:
            if not self.world.problems:
                self.world.story.append(f"stack {stack.name}: take up what was left, and delete it")
                again = replace(wish, upkeep=Upkeep(adopt=True))
                reasons = refusals(self.world.local, stack.name, again, None)  # then nothing was made either
                self.world.require(stack.deploy(again, iter(())) or bool(reasons), "what was left cannot be taken up")
                stack.delete(iter(()))
        if stack.left.wishes:
            stack.left = Leftovers(stack.name)
            self._require_gone(stack)
