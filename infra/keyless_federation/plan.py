"""From what is wanted and what is there to the steps between: pure, and printable before anything is written."""

from keyless_federation.actual import Actual
from keyless_federation.errors import OwnershipError
from keyless_federation.google import accounts, conflicts, pools, providers
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.policies import entitlements
from keyless_federation.policies.adoption import had


def plan(desired: Federation, actual: Actual) -> list[Step]:
    """The steps, in an order in which a run that is cut short anywhere can be taken up again.

    Raises `OwnershipError`, with every conflict, before anything is written. Trust ends first where it is to end,
    grants go before the account that holds them. The condition is widened first and narrowed last (see
    `plan_trust`).
    """
    if problems := _conflicts(desired, actual):
        raise OwnershipError(problems)
    return [*_makings(desired, actual), *entitlements.plan_policies(desired, actual), *_removals(desired, actual)]


def _conflicts(desired: Federation, actual: Actual) -> list[str]:
    return [
        *conflicts.of_pool(desired, actual.pool, actual.previous, actual.neighbours),
        *conflicts.of_provider(desired, actual.provider, actual.previous),
        *conflicts.of_accounts(desired, actual.previous, actual.accounts),
        *([] if desired.skip_unreadable else entitlements.missing(desired, actual)),
    ]


def _makings(desired: Federation, actual: Actual) -> list[Step]:
    if not desired.present:
        return providers.plan_provider_removal(desired, actual.provider)
    gives = entitlements.wanted(desired)
    return [
        *pools.plan_pool(desired, actual.pool, actual.previous),
        *providers.plan_provider(desired, actual.provider),
        *([] if desired.removes else providers.plan_trust(desired, actual.provider, actual.previous)),
        *accounts.plan_accounts(desired, actual.accounts, lambda email: had(gives, actual.policies, email)),
    ]


def _removals(desired: Federation, actual: Actual) -> list[Step]:
    steps: list[Step] = []
    if desired.removes:
        wanted = {desired.email(account.name) for account in desired.accounts}
        unwanted = [actual.accounts[email] for email in sorted(actual.ours - wanted)]
        steps += accounts.plan_account_removal(desired, unwanted)
    if desired.present:
        trust = providers.plan_trust(desired, actual.provider, actual.previous)
        return [*steps, *(trust if desired.removes else [])]
    released = providers.plan_provider_release(desired, actual.provider)
    return [*steps, *released, *pools.plan_pool_removal(desired, actual.pool)]
