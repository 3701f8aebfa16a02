"""What must hold, said without the product's own plan: the state that a wish stands for, and that nothing is left."""

from local.google.federation.pools import Provider
from tests.local.federation_properties import ACCOUNT
from tests.local.schedules.bystanders import ours
from tests.local.schedules.cloud import NUMBER, LocalCloud
from tests.local.schedules.footprint import POOLS, Footprint, footprint, intended
from tests.local.schedules.wishes import MAPPING, Wish


def differences(local: LocalCloud, stack: str, wish: Wish, others: Footprint) -> list[str]:
    """What is not exactly as `stack` wishes; `others` may be there beside."""
    found, expected = footprint(local, stack), intended(stack, wish)
    told = [f"missing {what}" for what in (expected - found).told() if not what.startswith("the pool")]
    more = found - expected - others - Footprint(pools=frozenset(POOLS))  # a pool may stay
    told += [f"left over {what}" for what in more.told()]
    marked = f"#{wish.federation(stack)}"
    told += [
        f"{a.email} has no marker of its federation: {a.description}"
        for a in ours(local)
        if a.email in expected.accounts and not a.description.endswith(marked)
    ]
    return [*told, *_trust_differences(local, stack, wish)]


def missing(local: LocalCloud, stack: str, wish: Wish) -> list[str]:
    """What of a wish is not there, whatever else there is."""
    expected, found = intended(stack, wish), footprint(local, stack)
    told = [f"{grant}" for grant in expected.grants - found.grants]
    if not expected.providers <= found.providers:
        return [*told, f"the provider {wish.provider}"]
    condition = _provider(local, stack, wish).condition
    return told + [f"the role {role}" for role in sorted(wish.roles(stack)) if f"'{role}'" not in condition]


def _provider(local: LocalCloud, stack: str, wish: Wish) -> Provider:
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    assert pool is not None
    return pool.provider(f"{stack}-{wish.provider}")


def _trust_differences(local: LocalCloud, stack: str, wish: Wish) -> list[str]:
    pool, name = local.cloud.pools.find(NUMBER, wish.pool), wish.federation(stack)
    if pool is None or pool.expires is not None:
        return [f"the pool {wish.pool} is not there"]
    provider = pool.providers.get(f"{stack}-{wish.provider}")
    if provider is None or provider.expires is not None:
        return [f"the provider {name} is not there"]
    found = (provider.account_id, provider.condition, provider.mapping)
    if found != (ACCOUNT, wish.condition(stack), MAPPING):
        return [f"the provider {name} trusts {found}"]
    return []
