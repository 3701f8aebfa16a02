"""What a deployment must refuse before it changes anything: what is another's, and what it was not told to adopt."""

from tests.local.schedules.cloud import NUMBER, LocalCloud
from tests.local.schedules.footprint import email_of
from tests.local.schedules.wishes import Wish, owner


def refusals(local: LocalCloud, stack: str, wish: Wish, before: Wish | None) -> list[str]:
    """Why the deployment of `wish` after `before` is refused; empty where it is not."""
    told = []
    pool, adopts = local.cloud.pools.find(NUMBER, wish.pool), wish.upkeep.adopt
    if pool:
        unmarked = "keyless" not in pool.description
        crowded = any(name == "provider-theirs" and p.expires is None for name, p in pool.providers.items())
        if unmarked and (crowded or not adopts):
            told.append("a pool that nobody's marker is on")
        braked = wish.upkeep.pool_disabled not in (None, pool.disabled)
        if braked and not unmarked and not pool.description.endswith(f":{owner(stack)}"):
            told.append("the brake of another's pool")
        provider = pool.providers.get(f"{stack}-{wish.provider}")
        if provider and "keyless" not in provider.description and not adopts:
            told.append("a provider that nobody's marker is on")
    own = {f":{owner(stack)}#{one.federation(stack)}" for one in (wish, before) if one}
    for account in wish.accounts:
        found = local.cloud.accounts.find(email_of(stack, account))
        if found and "keyless" not in found.description and not adopts:
            told.append("an account that nobody's marker is on")
        if found and "keyless" in found.description and not found.description.endswith(tuple(own)):
            told.append("an account of another federation")
    return told
