"""The brakes of a provider and of a pool: they come and go with what a stack says, and with what a person does."""

from dataclasses import dataclass

from tests.local.schedules.cloud import NUMBER, LocalCloud
from tests.local.schedules.wishes import Wish, owner


@dataclass(frozen=True, slots=True)
class Brakes:
    """Whether each is pulled; on what is not there, it is not."""

    provider: bool = False
    pool: bool = False


def brakes(local: LocalCloud, stack: str, wish: Wish) -> Brakes:
    """Those that `wish` speaks of, as they are. A deleted pool of another's keeps its brake."""
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    if pool is None:
        return Brakes()
    provider = pool.providers.get(f"{stack}-{wish.provider}")
    there = pool.expires is None or not owns_pool(local, stack, wish)
    return Brakes(
        provider=provider is not None and provider.expires is None and provider.disabled, pool=there and pool.disabled
    )


def expected(local: LocalCloud, stack: str, wish: Wish, before: Wish | None, was: Brakes) -> Brakes:
    """As `wish` must have them after `before`, the state until then being `was`."""
    same_pool = before if before and before.pool == wish.pool else None
    same = same_pool if same_pool and same_pool.provider == wish.provider else None
    provider = _after(wish.upkeep.disabled, same.upkeep.disabled if same else None, was.provider)
    pool = _after(wish.upkeep.pool_disabled, same_pool.upkeep.pool_disabled if same_pool else None, was.pool)
    return Brakes(provider, pool if owns_pool(local, stack, wish) else was.pool)


def released(was: Brakes, attempted: Wish, now: Brakes) -> Brakes:
    """`was`, but for what an attempt that failed had released by its word: nobody knows then who had pulled it."""
    says = attempted.upkeep
    return Brakes(
        provider=was.provider and (says.disabled is not False or now.provider),
        pool=was.pool and (says.pool_disabled is not False or now.pool),
    )


def owns_pool(local: LocalCloud, stack: str, wish: Wish) -> bool:
    """Whether the pool carries the stack's marker."""
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    return pool is not None and pool.description.endswith(f":{owner(stack)}")


def _after(says: bool | None, said: bool | None, was: bool) -> bool:
    """What is said counts; what is said no more is released; about what was never said, a person decides."""
    if says is not None:
        return says
    return False if said else was
