"""Looking at what is there now: once, side by side, and before anything is written."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from keyless_federation.actual import Actual
from keyless_federation.errors import GoogleError, PropertiesError
from keyless_federation.google.accounts import find_account, list_accounts, marker_of
from keyless_federation.google.client import Google, Request
from keyless_federation.google.pools import list_providers, pool_of
from keyless_federation.google.providers import provider_of
from keyless_federation.google.shapes import PROJECT
from keyless_federation.google.soft_deletion import is_active
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted
from keyless_federation.model.targets import Target, project
from keyless_federation.policies.entitlements import concerned, own_target, wanted
from keyless_federation.policies.policies import find_policy, read_policy
from keyless_federation.skipping import is_refused, unseen

AT_ONCE = 8
Key = TypeVar("Key")
Value = TypeVar("Value")


def read(google: Google, desired: Federation, previous: Federation | None) -> Actual:
    """Look at everything that `desired` and `previous` are about."""
    if desired.skip_unreadable and desired.present:
        google.expect_propagation()  # what is taken back may have made an account just now
    require_number(google, desired.project, desired.number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found_pool = pool.submit(pool_of(desired).find, google)
        found_provider = pool.submit(provider_of(desired).find, google)
        accounts = _accounts(google, desired, previous, pool)
        ours = _ours(desired, previous, accounts)
        kept = {desired.email(account.name) for account in desired.accounts}
        staying = {email for email in ours if email in kept or is_adopted(accounts[email].get("description"))}
        targets = sorted(concerned(desired, previous, staying), key=lambda on: on.name)
        found = _side_by_side(pool, lambda on: _policy(google, desired, previous, on), targets)
        return Actual(
            previous=previous,
            pool=found_pool.result(),
            neighbours=_neighbours(google, desired, previous, found_pool.result()),
            provider=found_provider.result(),
            accounts=accounts,
            ours=ours,
            policies={on: policy for on, policy in found.items() if not isinstance(policy, str)},
            passed_over={on: told for on, told in found.items() if isinstance(told, str)},
        )


def _accounts(
    google: Google, desired: Federation, previous: Federation | None, pool: ThreadPoolExecutor
) -> dict[str, Json]:
    """All accounts of the project; ours are asked for by name as well, for a list that lacks one proves nothing."""
    listed, project = list_accounts(google, desired.project), desired.project
    ours = [one for one in (desired, previous) if one and one.project == project]
    named = {one.email(account.name) for one in ours for account in one.accounts}
    found = _side_by_side(pool, lambda email: find_account(google, project, email), sorted(named - listed.keys()))
    return listed | {email: account for email, account in found.items() if account}


def _policy(google: Google, desired: Federation, previous: Federation | None, on: Target) -> Json | str | None:
    """The policy of a resource, None without one; of what may not be looked at and may be passed over, words on it."""
    own = {own_target(desired, account) for account in desired.accounts}
    try:
        return read_policy(google, on) if on in own else find_policy(google, on)
    except GoogleError as error:
        needed = on in wanted(desired) or on == project(desired.project)
        lost = error.status == 403 and not needed and desired.on_unreachable == "leave"
        if not lost and not (desired.skip_unreadable and is_refused(error)):
            raise
        return unseen(on, error, wanted(previous).get(on, set()) - wanted(desired).get(on, set()))


def _neighbours(
    google: Google, desired: Federation, previous: Federation | None, pool: Json | None
) -> tuple[Json, ...]:
    """The other providers of the pool, where a plan has to know of them."""
    adopts = desired.present and desired.adopt and Marker.find((pool or {}).get("description")) is None
    takes_away = desired.removes and previous is not None and bool(previous.direct)
    if pool is None or not (adopts or (takes_away and is_active(pool))):
        return ()
    own = {f"/providers/{one.provider.id}" for one in (desired, previous) if one}
    found = list_providers(google, desired)
    return tuple(provider for provider in found if not provider["name"].endswith(tuple(own)))


def _ours(desired: Federation, previous: Federation | None, accounts: Mapping[str, Json]) -> frozenset[str]:
    wanted = {desired.email(account.name) for account in desired.accounts} if desired.adopt else set()
    return frozenset(
        email
        for email, account in accounts.items()
        if desired.holds(account.get("description"), previous) or (email in wanted and marker_of(account) is None)
    )


def require_number(google: Google, project: str, number: str) -> None:
    """Refuse a project number that is another project's: audience and bindings are made of it."""
    found = project_number(google, project)
    if found != number:
        raise PropertiesError([f"ProjectNumber is {number}, but the number of the project {project} is {found}"])


def project_number(google: Google, project: str) -> str:
    """The number of a project."""
    answer = google.send(
        Request(
            what=f"read the project {project}",
            method="GET",
            service="cloudresourcemanager",
            path=f"v1/projects/{project}",
            needs=("resourcemanager.projects.get",),
            answer=PROJECT,
        )
    )
    number: str = answer["projectNumber"]
    return number


def _side_by_side(pool: ThreadPoolExecutor, look: Callable[[Key], Value], keys: Iterable[Key]) -> dict[Key, Value]:
    wanted = list(keys)
    return dict(zip(wanted, pool.map(look, wanted), strict=True))
