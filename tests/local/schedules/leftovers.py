"""What a stack left on Google, as it was told to where Google cannot be reached: all of it is named."""

from dataclasses import dataclass, field, replace

from tests.local.schedules.cloud import LocalCloud
from tests.local.schedules.footprint import Footprint, footprint, intended
from tests.local.schedules.wishes import Wish, direct_role


@dataclass(slots=True)
class Leftovers:
    """Of one stack: the `wishes` that were left, the last one last, and what of them was there then."""

    stack: str
    wishes: list[Wish] = field(default_factory=list)
    things: Footprint = field(default_factory=Footprint)

    def note(self, local: LocalCloud, wish: Wish, stays: Footprint, told: str) -> list[str]:
        """Something was left, and `told`; what of it is not named. What `stays` is not left but kept."""
        left = footprint(local, self.stack) - stays
        left = replace(left, pools=left.pools & {wish.pool})
        self.wishes.append(wish)
        self.things |= left
        return [f"left and not named: {what} in {told!r}" for what in self._unnamed(left, told)]

    @property
    def excused(self) -> Footprint:
        """What may be there: what was left, and what its providers may share with others by now."""
        direct = {grant for wish in self.wishes for grant in intended(self.stack, wish).grants}
        shared = {grant for grant in direct if grant[2].endswith(f"/{direct_role(self.stack)}")}
        return Footprint(
            self.things.accounts, self.things.providers, self.things.grants | frozenset(shared), self.things.pools
        )

    def _unnamed(self, left: Footprint, told: str) -> list[str]:
        words = set(told.replace(",", " ").split())

        def is_named(what: str) -> bool:
            return what in words

        grants = {
            grant
            for grant in left.grants
            if not is_named(grant[2].removeprefix("deleted:").removeprefix("serviceAccount:").partition("?")[0])
            and not is_named(grant[0].rpartition("/")[2])
            and not is_named(grant[2].rpartition("/")[2])
        }
        return Footprint(
            frozenset(email for email in left.accounts if not is_named(email)),
            frozenset(name for name in left.providers if not is_named(name)),
            frozenset(grants),
            frozenset(name for name in left.pools if not is_named(name)),
        ).told()
