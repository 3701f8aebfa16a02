"""What a person may do by hand to what a stack made."""

from local.google.iam.policies import Binding
from tests.local.schedules.bystanders import ours
from tests.local.schedules.cloud import NUMBER, PROJECT
from tests.local.schedules.wishes import Wish
from tests.local.schedules.world import World

ACTS = (
    "an account",
    "who becomes an account",
    "grants on the project",
    "the provider",
    "the condition",
    "the brake",
    "the logs",
)


def tamper(world: World, stack: str, wish: Wish, what: str) -> None:
    """Take it away, or change it; nothing happens where there is no such thing."""
    local, hand = world.local, world.hand
    pool = local.cloud.pools.find(NUMBER, wish.pool)
    provider = pool and pool.providers.get(f"{stack}-{wish.provider}")
    accounts = [account for account in ours(local) if account.email.startswith(f"{stack}-")]
    policies, project = local.cloud.policies, f"projects/{PROJECT}"
    if what == "an account" and accounts:
        if accounts[0] is hand.account:
            hand.forget_account()
        local.cloud.accounts.delete(accounts[0])
    elif what == "who becomes an account" and accounts:
        hand.forget(accounts[0].resource, "principal")
        kept = [_without(binding, "principal") for binding in policies.get(accounts[0].resource).bindings]
        policies.set(accounts[0].resource, kept)
    elif what == "grants on the project":
        member = f"serviceAccount:{stack}-"
        hand.forget(project, member)
        policies.set(project, [_without(binding, member) for binding in policies.get(project).bindings])
    elif what == "the provider" and provider and provider.expires is None:
        hand.undeleted = hand.undeleted and provider is not hand.provider
        provider.delete()
    elif what == "the condition" and provider and provider.expires is None:
        provider.condition = "assertion.account == '111122223333'"
    elif what == "the brake" and provider and provider.expires is None:
        provider.disabled = True
    elif what == "the logs":
        found = policies.get(project)
        policies.set(project, found.bindings, audit=world.bystanders.audit)


def _without(binding: Binding, start: str) -> Binding:
    kept = frozenset(member for member in binding.members if not member.startswith(start))
    return Binding(binding.role, kept, binding.condition)
