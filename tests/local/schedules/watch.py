"""Whoever asks for something: an eye on the brakes meanwhile, the stack's own and its neighbour's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.local.schedules.brakes import Brakes, brakes, expected, owns_pool
from tests.local.schedules.cloudformation import Stack
from tests.local.schedules.wishes import Wish
from tests.local.schedules.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watch:
    """Of a stack, with the other one beside it."""

    world: World
    stack: Stack
    other: Stack

    def over(self, wish: Wish, do: Callable[[], T]) -> T:
        """Do it, and see that brakes end as they must and that the other stack's stay as they are."""
        local, stack, other = self.world.local, self.stack, self.other
        theirs = brakes(local, other.name, other.wish) if other.wish else None
        before, was = stack.wish, brakes(local, stack.name, wish)
        done = do()
        if other.wish:
            now = brakes(local, other.name, other.wish)
            same_pool = wish.pool == other.wish.pool and owns_pool(local, stack.name, wish)
            self.world.require(
                theirs is not None and now.provider == theirs.provider and (same_pool or now.pool == theirs.pool),
                f"brakes of {other.name} are {now}, not {theirs}",
            )
        if stack.wish == wish:
            self.require(wish, before, was)
        return done

    def require(self, wish: Wish | None, before: Wish | None, was: Brakes, when: str = "") -> None:
        """They are as `wish` must have them after `before`, unless something else is still under way."""
        stack = self.stack
        if wish is None or stack.wish != wish or stack.delivery.late or stack.delivery.waiting:
            return
        local, tally = self.world.local, self.world.tally
        now = brakes(local, stack.name, wish)
        wanted = expected(local, stack.name, wish, before, was) if stack.looked else was
        self.world.require(now == wanted, f"{when}{now}, not {wanted}")
        tally["brake pulled"] += now.provider > was.provider
        tally["brake released"] += now.provider < was.provider
        tally["brake left to a person"] += now.provider and wish.upkeep.disabled is None
        tally["pool's brake pulled"] += now.pool > was.pool
        tally["pool's brake released"] += now.pool < was.pool
