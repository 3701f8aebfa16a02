"""Who is to have which role where, and one step for each policy that differs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from keyless_federation.actual import Actual
from keyless_federation.model import targets
from keyless_federation.model.bindings import Binding
from keyless_federation.model.federation import Federation
from keyless_federation.model.grants import Grant
from keyless_federation.model.kinds import KINDS
from keyless_federation.model.ownership import Marker
from keyless_federation.model.resources import Account
from keyless_federation.model.targets import Target
from keyless_federation.policies.adoption import theirs
from keyless_federation.policies.audit_logs import silent
from keyless_federation.policies.policies import ChangePolicy, SwitchOnLogs, bindings_on

DELETED = "deleted:"
Bindings = Mapping[Target, set[Binding]]


def wanted(federation: Federation | None) -> Bindings:
    """What a federation gives, by what it is given on; the accounts themselves come first."""
    found: defaultdict[Target, set[Binding]] = defaultdict(set)
    if federation is None:
        return found
    for account in federation.accounts:
        members = federation.members(account)
        found[own_target(federation, account)] |= {
            Binding(role=role, member=member) for role in account.impersonation for member in members
        }
    for member, grant in _given(federation):
        found[grant.on].add(Binding(role=grant.role, member=member, condition=grant.condition))
    return found


def own_target(federation: Federation, account: Account) -> Target:
    """A service account of the federation, as something that roles are granted on."""
    return targets.service_account(federation.email(account.name))


def concerned(desired: Federation, previous: Federation | None, ours: Iterable[str]) -> set[Target]:
    """Whose policies a plan looks at; `ours` are our accounts that stay, and no others have policies of interest."""
    own = {
        own_target(federation, account)
        for federation in (desired, previous)
        if federation
        for account in federation.accounts
    }
    home = {targets.project(desired.project)} if desired.removes or desired.audit_logs else set()
    return ({*wanted(desired), *wanted(previous)} - own) | home | {targets.service_account(email) for email in ours}


def missing(desired: Federation, actual: Actual) -> list[str]:
    """What roles are to be granted on and is not there."""
    return sorted(
        f"{str(on)[0].upper()}{str(on)[1:]} does not exist. Create it first: Keyless makes grants, not data."
        for on in wanted(desired)
        if on in actual.policies and actual.policies[on] is None
    )


def left(desired: Federation, actual: Actual) -> list[str]:
    """What was given directly and is not taken away, since it may be another stack's by now."""
    gives, gave = wanted(desired), wanted(actual.previous)
    return [
        f"left on {on}: {binding}, for another provider of the pool lets that role in as well"
        for on in sorted((gave.keys() & actual.policies.keys()) - _leaving(actual), key=_order)
        for binding in _sorted(bindings_on(on, actual.policies[on] or {}) & gave[on] - gives.get(on, set()))
        if desired.removes and binding.aws_role and binding.aws_role[1] in actual.shared
    ]


def plan_policies(desired: Federation, actual: Actual) -> Iterator[ChangePolicy]:
    """What is to change, each policy once; what is gone needs no change.

    The Data Access logs are a change of their own after all others: a log that Google refuses must cost no access.
    """
    gives, home = wanted(desired), targets.project(desired.project)
    others = sorted(actual.policies.keys() - gives.keys() - _leaving(actual), key=_order)
    for on in (*gives, *others):
        known = actual.policies.get(on)
        if on in actual.passed_over or (known is None and on in actual.policies):
            continue
        present = bindings_on(on, known or {})
        add = gives.get(on, set()) - present
        remove, sweep = _unwanted(desired, actual, on, present - gives.get(on, set()))
        if add or remove or sweep:
            yield ChangePolicy(on=on, add=_sorted(add), remove=_sorted(remove), sweep=_sorted(sweep), known=known)
    if audit := silent(actual.policies.get(home) or {}, desired.audit_logs):
        yield SwitchOnLogs(on=home, audit=tuple(audit))


def _leaving(actual: Actual) -> set[Target]:
    """Accounts of the previous state that need no policy change: deleted with their policy, or of another stack now."""
    if actual.previous is None:
        return set()
    own = {one: own_target(actual.previous, one) for one in actual.previous.accounts}
    return {on for one, on in own.items() if actual.previous.email(one.name) not in actual.adopted}


def _given(federation: Federation) -> Iterator[tuple[str, Grant]]:
    for account in federation.accounts:
        yield from product([f"serviceAccount:{federation.email(account.name)}"], account.grants)
    for direct in federation.direct:
        yield from product(federation.members(direct), direct.grants)


def _unwanted(
    desired: Federation, actual: Actual, on: Target, present: set[Binding]
) -> tuple[set[Binding], set[Binding]]:
    """What of a policy goes: what we gave, and what others gave to an account of ours that goes.

    We gave what the federation said before, what our provider's roles may do with an account of ours, and what a
    deleted account of ours left behind.
    """
    if not desired.removes:
        return set(), set()
    given, members = wanted(actual.previous).get(on, set()), _members(desired, actual)
    held = {binding for binding in present if _address(binding.member) in members}
    direct = {binding for binding in present & given if _was_direct(desired, actual, binding)}
    remove = (held & given) | {binding for binding in held if binding.member.startswith(DELETED)} | direct
    remove |= _trust(desired, actual, on, present)
    remove -= theirs(actual, on, remove)
    staying = actual.adopted | {desired.email(account.name) for account in desired.accounts}
    sweep = {binding for binding in held - remove if _address(binding.member) not in staying}
    return remove, sweep if desired.exclusive else set()


def _was_direct(desired: Federation, actual: Actual, binding: Binding) -> bool:
    """Whether what a role holds is surely from us.

    It is not where another provider of the pool lets the same role in, nor where a deployment was refused because
    pool or provider are another's. What roles of an earlier pool hold goes when that one's provider is deleted.
    """
    pool, provider = actual.pool or {}, actual.provider or {}
    marker, described = Marker.find(pool.get("description")), provider.get("description")
    if pool and (marker is None or marker.aws_account != desired.provider.aws_account):
        return False
    if provider and not desired.owns(described, actual.previous):
        return False
    of_pool, role = binding.aws_role or ("", "")
    return of_pool == desired.pool_name and role not in actual.shared


def _trust(desired: Federation, actual: Actual, on: Target, present: set[Binding]) -> set[Binding]:
    """What our provider's roles may do with an account of ours; other roles of a shared pool are others'.

    On an account that was adopted, only what we gave is ours.
    """
    federations = [federation for federation in (desired, actual.previous) if federation]
    own = {own_target(one, account): (one, account) for one in reversed(federations) for account in one.accounts}
    if on not in own:
        return set()
    federation, account = own[on]
    if federation.email(account.name) in actual.adopted:
        return present & wanted(actual.previous).get(on, set())
    named = {b.aws_role for one in federations for given in wanted(one).values() for b in given}
    named |= {(one.pool_name, role) for one in federations for role in actual.roles}
    return {
        binding for binding in present if binding.condition is None and binding.aws_role and binding.aws_role in named
    }


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


def _order(on: Target) -> tuple[int, str]:
    return KINDS.index(on.kind), on.name


def _sorted(bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    return tuple(sorted(bindings, key=str))
