"""From what is wanted and what is there to the steps between: pure, and printable before anything is written."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from . import accounts, conflicts, datasets, pools, providers
from .actual import Actual, grants_of
from .datasets import Access, ChangeAccess
from .desired import Federation
from .errors import NotOurs
from .policies import AccountPolicy, Binding, ChangePolicy, bindings_of
from .resources import Account, Dataset, Project
from .steps import Step

DELETED = "deleted:"


def plan(desired: Federation, actual: Actual) -> list[Step]:
    """The steps, in an order in which a run that is cut short anywhere can be taken up again.

    Raises `NotOurs`, with every conflict, before anything is written. Trust ends first where it is to end,
    grants go before the account that holds them. The condition is widened first and narrowed last (see
    `plan_trust`).
    """
    if problems := _conflicts(desired, actual):
        raise NotOurs(problems)
    return [*_makings(desired, actual), *_grants(desired, actual), *_removals(desired, actual)]


def _conflicts(desired: Federation, actual: Actual) -> list[str]:
    missing = [
        f"{str(on)[0].upper()}{str(on)[1:]} does not exist. Create it first: Keyless makes grants, not data."
        for on in {grant.on for grant in grants_of(desired)}
        if isinstance(on, Dataset) and actual.datasets.get(on) is None
    ]
    return [
        *conflicts.of_pool(desired, actual.pool, actual.previous, actual.neighbours),
        *conflicts.of_provider(desired, actual.provider, actual.previous),
        *conflicts.of_accounts(desired, actual.previous, actual.accounts),
        *sorted(missing),
    ]


def _makings(desired: Federation, actual: Actual) -> list[Step]:
    if not desired.present:
        return providers.plan_provider_removal(desired, actual.provider)
    return [
        *pools.plan_pool(desired, actual.pool, actual.previous),
        *providers.plan_provider(desired, actual.provider),
        *([] if desired.removes else providers.plan_trust(desired, actual.provider, actual.previous)),
        *accounts.plan_accounts(desired, actual.accounts),
    ]


def _grants(desired: Federation, actual: Actual) -> Iterator[Step]:
    for account in desired.accounts:
        yield from _account_policy(desired, account, actual)
    for account in _left(desired, actual):
        yield from _account_policy(desired, replace(account, aws_roles=()), actual)
    for target in actual.policies:
        if isinstance(target, Project):
            yield from _project_policy(desired, target, actual)
    for dataset in actual.datasets:
        yield from _dataset_access(desired, dataset, actual)


def _removals(desired: Federation, actual: Actual) -> list[Step]:
    steps: list[Step] = []
    if desired.removes:
        wanted = {desired.email(account.name) for account in desired.accounts}
        unwanted = [actual.accounts[email] for email in sorted(actual.ours - wanted)]
        steps += accounts.plan_account_removal(desired, unwanted)
    if desired.present:
        trust = providers.plan_trust(desired, actual.provider, actual.previous)
        return [*steps, *(trust if desired.removes else [])]
    return [*steps, *pools.plan_pool_removal(desired, actual.pool)]


def _account_policy(desired: Federation, account: Account, actual: Actual) -> Iterator[Step]:
    target = AccountPolicy(desired.project, desired.email(account.name))
    known = actual.policies.get(target)
    present = bindings_of(known or {})
    wanted = {
        Binding(role=role, member=desired.principal_set(aws_role))
        for role in account.impersonation
        for aws_role in account.aws_roles
    }
    ours = {binding for binding in present if binding.condition is None and binding.member in _trusted(desired, actual)}
    if target.email in actual.adopted:
        ours = {binding for binding in ours if binding.role in account.impersonation}
    remove = ours - wanted if desired.removes else set()
    if wanted - present or remove:
        yield ChangePolicy(on=target, add=_sorted(wanted - present), remove=_sorted(remove), known=known)


def _project_policy(desired: Federation, project: Project, actual: Actual) -> Iterator[Step]:
    known = actual.policies[project]
    present, wanted = bindings_of(known), _wanted(desired, project)
    remove, sweep = set[Binding](), set[Binding]()
    if desired.removes:
        members = _members(desired, actual)
        unwanted = {binding for binding in present - wanted if _address(binding.member) in members}
        given = unwanted & _wanted(actual.previous, project)
        remove = given | {binding for binding in unwanted if binding.member.startswith(DELETED)}
        foreign = {
            binding
            for binding in unwanted - remove
            if (binding.condition is None or not desired.present) and _address(binding.member) not in actual.adopted
        }
        sweep = foreign if desired.exclusive else set()
    if wanted - present or remove or sweep:
        yield ChangePolicy(
            on=project, add=_sorted(wanted - present), remove=_sorted(remove), sweep=_sorted(sweep), known=known
        )


def _dataset_access(desired: Federation, dataset: Dataset, actual: Actual) -> Iterator[Step]:
    known = actual.datasets[dataset]
    present = datasets.accesses_of(known or {})
    wanted = {
        datasets.access(grant.role, desired.email(account.name))
        for account in desired.accounts
        for grant in account.grants
        if grant.on == dataset
    }
    members = _members(desired, actual)
    given = {
        datasets.access(grant.role, actual.previous.email(account.name))
        for account in (actual.previous.accounts if actual.previous else ())
        for grant in account.grants
        if actual.previous and grant.on == dataset
    }
    remove = {
        found
        for found in present - wanted
        if found.email in members and (found in given or found.email not in actual.adopted)
    }
    remove = remove if desired.removes else set[Access]()
    if wanted - present or remove:
        yield ChangeAccess(
            on=dataset,
            add=tuple(sorted(wanted - present, key=str)),
            remove=tuple(sorted(remove, key=str)),
            known=known,
        )


def _left(desired: Federation, actual: Actual) -> list[Account]:
    """Adopted accounts that are no longer wanted: they stay, without the trust in our roles."""
    if not desired.removes or actual.previous is None:
        return []
    gone = actual.adopted - {desired.email(account.name) for account in desired.accounts}
    return [account for account in actual.previous.accounts if actual.previous.email(account.name) in gone]


def _wanted(federation: Federation | None, project: Project) -> set[Binding]:
    return {
        Binding(role=grant.role, member=f"serviceAccount:{federation.email(account.name)}", condition=grant.condition)
        for account in (federation.accounts if federation else ())
        for grant in account.grants
        if federation and grant.on == project
    }


def _trusted(desired: Federation, actual: Actual) -> set[str]:
    """Members that stand for our provider's roles, now or before; other roles of a shared pool are others'."""
    federations = [federation for federation in (desired, actual.previous) if federation]
    roles = {role for federation in federations for account in federation.accounts for role in account.aws_roles}
    return {federation.principal_set(role) for federation in federations for role in roles | actual.roles}


def _members(desired: Federation, actual: Actual) -> set[str]:
    """The addresses whose grants are ours: of accounts that are, and of ours by name that are gone."""
    named = {
        federation.email(account.name)
        for federation in (desired, actual.previous)
        if federation
        for account in federation.accounts
    }
    return set(actual.ours) | {email for email in named if email not in actual.accounts}


def _address(member: str) -> str:
    """The service account in a member, deleted or not; empty for members of other kinds."""
    kind, _, address = member.removeprefix(DELETED).partition(":")
    return address.partition("?")[0] if kind == "serviceAccount" else ""


def _sorted(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    return tuple(sorted(bindings, key=str))
