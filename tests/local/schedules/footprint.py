"""What of a stack is on Google, and what a wish wants there: as sets, which can be told apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from local.google.iam.policies import Condition
from tests.local.schedules.bystanders import Grant, ours
from tests.local.schedules.cloud import NUMBER, PROJECT, LocalCloud
from tests.local.schedules.wishes import GRANTS, HOME, SESSION, Account, Wish, direct_role, impersonation, owner

POOLS = ("pool-one", "pool-two")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Addresses of accounts, active providers as POOL/PROVIDER, grants, and active pools with the stack's marker."""

    accounts: frozenset[str] = frozenset()
    providers: frozenset[str] = frozenset()
    grants: frozenset[Grant] = frozenset()
    pools: frozenset[str] = frozenset()

    def __sub__(self, other: "Footprint") -> "Footprint":
        known = {_living(grant) for grant in other.grants}
        return Footprint(
            self.accounts - other.accounts,
            self.providers - other.providers,
            frozenset(grant for grant in self.grants if _living(grant) not in known),
            self.pools - other.pools,
        )

    def __or__(self, other: "Footprint") -> "Footprint":
        return Footprint(
            self.accounts | other.accounts,
            self.providers | other.providers,
            self.grants | other.grants,
            self.pools | other.pools,
        )

    def told(self) -> list[str]:
        """In words."""
        return [
            *(f"the account {email}" for email in sorted(self.accounts)),
            *(f"the provider {name}" for name in sorted(self.providers)),
            *(f"the grant {grant}" for grant in sorted(self.grants, key=str)),
            *(f"the pool {name}" for name in sorted(self.pools)),
        ]


def footprint(local: LocalCloud, stack: str) -> Footprint:
    """What is there now."""
    pools = [pool for name in POOLS if (pool := local.cloud.pools.find(NUMBER, name))]
    return Footprint(
        accounts=frozenset(account.email for account in ours(local) if account.email.startswith(f"{stack}-")),
        providers=frozenset(
            f"{pool.id}/{name}"
            for pool in pools
            for name, provider in pool.providers.items()
            if provider.expires is None and name.startswith(f"{stack}-")
        ),
        grants=frozenset(_grants(local, stack)),
        pools=frozenset(pool.id for pool in pools if pool.expires is None and f":{owner(stack)}" in pool.description),
    )


def intended(stack: str, wish: Wish) -> Footprint:
    """What `wish` wants; the pool may be another's."""
    return Footprint(
        accounts=frozenset(email_of(stack, account) for account in wish.accounts),
        providers=frozenset({wish.federation(stack)}),
        grants=frozenset(_wanted(stack, wish)),
        pools=frozenset({wish.pool}),
    )


def email_of(stack: str, account: Account) -> str:
    """An account's address."""
    return f"{stack}-{account.name}@{PROJECT}.iam.gserviceaccount.com"


def resource_of(email: str) -> str:
    """An account as something that roles are granted on."""
    return f"{HOME}/serviceAccounts/{email}"


def _grants(local: LocalCloud, stack: str) -> Iterator[Grant]:
    """Every grant to the stack's accounts, and every federated one on them; the deleted ones, too."""
    mine = {account.resource for account in ours(local) if account.email.startswith(f"{stack}-")}
    for name in (*mine, *sorted({given.resource for given in GRANTS.values()})):
        for binding in local.cloud.policies.get(name).bindings:
            for member in binding.members:
                held = member.removeprefix("deleted:").startswith(f"serviceAccount:{stack}-")
                direct = member.endswith(f"/attribute.aws_role/{direct_role(stack)}")
                if held or direct or (name in mine and member.startswith("principal")):
                    yield name, binding.role, member, binding.condition


def _wanted(stack: str, wish: Wish) -> Iterator[Grant]:
    for account in wish.accounts:
        email = email_of(stack, account)
        members = [principals(wish.pool, aws_role) for aws_role in account.roles]
        members += [f"principal://{_base(wish.pool)}/subject/{SESSION}"] if account.session else []
        for role, member in product(impersonation(account), members):
            yield resource_of(email), role, member, None
        for given in (GRANTS[name] for name in account.grants):
            yield given.resource, given.role, f"serviceAccount:{email}", given.condition
    for given in (GRANTS[name] for name in wish.direct):
        yield given.resource, given.role, principals(wish.pool, direct_role(stack)), given.condition


def principals(pool: str, aws_role: str) -> str:
    """Everyone who comes in as an AWS role."""
    return f"principalSet://{_base(pool)}/attribute.aws_role/{aws_role}"


def _base(pool: str) -> str:
    return f"iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/{pool}"


def _living(grant: Grant) -> tuple[str, str, str, Condition | None]:
    """The grant, whether its account was deleted meanwhile or not."""
    name, role, member, condition = grant
    return name, role, member.removeprefix("deleted:").partition("?")[0], condition
