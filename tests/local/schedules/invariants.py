"""What must hold, said without the product's own plan: the state that a wish stands for, and that nothing is left."""

from collections.abc import Iterable, Iterator
from itertools import product

from local.google.pools import Provider
from tests.local.federation_properties import ACCOUNT
from tests.local.schedules.bystanders import Grant, ours
from tests.local.schedules.cloud import NUMBER, PROJECT, LocalCloud
from tests.local.schedules.wishes import (
    GRANTS,
    HOME,
    MAPPING,
    SESSION,
    Account,
    Wish,
    direct_role,
    impersonation,
    owner,
)

POOLS = ("pool-one", "pool-two")


def differences(local: LocalCloud, stack: str, wish: Wish) -> list[str]:
    """What is not exactly as `stack` wishes."""
    wanted = {_email(stack, account) for account in wish.accounts}
    found = {account.email for account in ours(local) if account.email.startswith(f"{stack}-")}
    told = [f"accounts {sorted(found)}, not {sorted(wanted)}"] if found != wanted else []
    unmarked = [a.email for a in ours(local) if a.email in wanted and f"keyless:{owner(stack)}#" not in a.description]
    told += [f"{email} has no marker of its stack" for email in unmarked]
    granted, expected = set(grants_of(local, stack)), set(_expected(stack, wish))
    told += [f"missing {grant}" for grant in expected - granted] + [
        f"left over {grant}" for grant in granted - expected
    ]
    return [*told, *_trust_differences(local, stack, wish)]


def missing(local: LocalCloud, stack: str, wish: Wish) -> list[str]:
    """What of a wish is not there, whatever else there is."""
    told = [f"{grant}" for grant in set(_expected(stack, wish)) - set(grants_of(local, stack))]
    if f"{wish.pool}/{stack}-{wish.provider}" not in _active_providers(local, stack):
        return [*told, f"the provider {wish.provider}"]
    condition = _provider(local, stack, wish).condition
    return told + [f"the role {role}" for role in sorted(wish.roles(stack)) if f"'{role}'" not in condition]


def remains(local: LocalCloud, stack: str, kept: Iterable[str]) -> list[str]:
    """What is still there of a stack that is gone; pools in `kept` may stay."""
    told = [f"the account {a.email}" for a in ours(local) if a.email.startswith(f"{stack}-")]
    told += [f"the grant {grant}" for grant in grants_of(local, stack)]
    told += [f"the provider {name}" for name in _active_providers(local, stack)]
    for name in POOLS:
        pool = local.cloud.pools.find(NUMBER, name)
        if pool and pool.expires is None and f"keyless:{owner(stack)}" in pool.description and name not in kept:
            told.append(f"the pool {name}")
    return told


def grants_of(local: LocalCloud, stack: str) -> Iterator[Grant]:
    """Every grant to the stack's accounts, and every federated one on them; the deleted ones, too."""
    mine = {account.resource for account in ours(local) if account.email.startswith(f"{stack}-")}
    for name in (*mine, *sorted({given.resource for given in GRANTS.values()})):
        for binding in local.cloud.policies.get(name).bindings:
            for member in binding.members:
                held = member.removeprefix("deleted:").startswith(f"serviceAccount:{stack}-")
                direct = member.endswith(f"/attribute.aws_role/{direct_role(stack)}")
                if held or direct or (name in mine and member.startswith("principal")):
                    yield name, binding.role, member, binding.condition


def _expected(stack: str, wish: Wish) -> Iterator[Grant]:
    base = f"iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{wish.pool}"
    for account in wish.accounts:
        email = _email(stack, account)
        members = [f"principalSet://{base}/attribute.aws_role/{aws_role}" for aws_role in account.roles]
        members += [f"principal://{base}/subject/{SESSION}"] if account.session else []
        for role, member in product(impersonation(account), members):
            yield f"{HOME}/serviceAccounts/{email}", role, member, None
        for given in (GRANTS[name] for name in account.grants):
            yield given.resource, given.role, f"serviceAccount:{email}", given.condition
    for given in (GRANTS[name] for name in wish.direct):
        member = f"principalSet://{base}/attribute.aws_role/{direct_role(stack)}"
        yield given.resource, given.role, member, given.condition


def _provider(local: LocalCloud, stack: str, wish: Wish) -> Provider:
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    assert pool is not None
    return pool.provider(f"{stack}-{wish.provider}")


def _trust_differences(local: LocalCloud, stack: str, wish: Wish) -> list[str]:
    name = f"{wish.pool}/{stack}-{wish.provider}"
    active = _active_providers(local, stack)
    told = [f"active providers {active}, not {name}"] if active != [name] else []
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    if pool is None or not pool.usable:
        return [*told, f"the pool {wish.pool} is not usable"]
    provider = pool.providers.get(f"{stack}-{wish.provider}")
    if provider is None or not provider.usable:
        return [*told, f"the provider {name} is not usable"]
    found = (provider.account_id, provider.condition, provider.mapping)
    if found != (ACCOUNT, wish.condition(stack), MAPPING):
        told.append(f"the provider {name} trusts {found}")
    return told


def _active_providers(local: LocalCloud, stack: str) -> list[str]:
    pools = [pool for name in POOLS if (pool := local.cloud.pools.find(NUMBER, name))]
    return [
        f"{pool.id}/{name}"
        for pool in pools
        for name, provider in pool.providers.items()
        if provider.expires is None and name.startswith(f"{stack}-")
    ]


def _email(stack: str, account: Account) -> str:
    return f"{stack}-{account.name}@{PROJECT}.iam.gserviceaccount.com"
