"""What is there now: everything that a plan looks at, read once and side by side."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from .accounts import list_accounts, marker_of
from .datasets import find_dataset
from .desired import Federation
from .errors import InvalidProperties
from .google import Google, Json, Request
from .ownership import Marker, is_adopted
from .policies import AccountPolicy, Target, read_policy
from .pools import find_pool, list_providers
from .providers import find_provider
from .resources import Dataset, Grant, Project
from .trust import roles_of

AT_ONCE = 8
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """The state of Google's half.

    `accounts` are all of the project, by e-mail address; `ours` of these are the federation's or the one's
    that it replaces, or are to be adopted; `previous` is the federation as it was before this event;
    `neighbours` are the providers in a pool that is to be adopted.
    """

    previous: Federation | None
    pool: Json | None
    provider: Json | None
    accounts: Mapping[str, Json]
    ours: frozenset[str]
    policies: Mapping[Target, Json]
    datasets: Mapping[Dataset, Json | None]
    neighbours: tuple[Json, ...] = ()

    @property
    def adopted(self) -> frozenset[str]:
        """Those of our accounts that somebody else made: they are never deleted, and keep what others gave them."""
        return frozenset(email for email in self.ours if is_adopted(self.accounts[email].get("description")))

    @property
    def roles(self) -> frozenset[str]:
        """The AWS roles that the provider's condition names."""
        return roles_of((self.provider or {}).get("attributeCondition", ""))


def read(google: Google, desired: Federation, previous: Federation | None) -> Actual:
    """Look at everything that `desired` and `previous` are about."""
    require_number(google, desired.project, desired.number)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found_pool = pool.submit(find_pool, google, desired)
        found_provider = pool.submit(find_provider, google, desired)
        accounts = list_accounts(google, desired.project)
        ours = _ours(desired, previous, accounts)
        grants = [*grants_of(desired), *grants_of(previous)]
        projects = {grant.on for grant in grants if isinstance(grant.on, Project)}
        kept = [desired.email(account.name) for account in desired.accounts]
        targets: set[Target] = {
            AccountPolicy(desired.project, email)
            for email in ours
            if email in kept or is_adopted(accounts[email].get("description"))
        }
        targets |= projects | ({Project(desired.project)} if desired.removes else set())
        adopts = (
            desired.present and desired.adopt and Marker.find((found_pool.result() or {}).get("description")) is None
        )
        return Actual(
            previous=previous,
            pool=found_pool.result(),
            neighbours=tuple(list_providers(google, desired)) if adopts and found_pool.result() else (),
            provider=found_provider.result(),
            accounts=accounts,
            ours=ours,
            policies=_side_by_side(pool, lambda on: read_policy(google, on), targets),
            datasets=_side_by_side(
                pool,
                lambda on: find_dataset(google, on),
                {grant.on for grant in grants if isinstance(grant.on, Dataset)},
            ),
        )


def _neighbours(google: Google, desired: Federation, pool: Json | None) -> tuple[Json, ...]:
    adopts = pool is not None and desired.present and desired.adopt and Marker.find(pool.get("description")) is None
    return tuple(list_providers(google, desired)) if adopts else ()


def _ours(desired: Federation, previous: Federation | None, accounts: Mapping[str, Json]) -> frozenset[str]:
    wanted = {desired.email(account.name) for account in desired.accounts} if desired.adopt else set()
    return frozenset(
        email
        for email, account in accounts.items()
        if desired.holds(account.get("description"), previous) or (email in wanted and marker_of(account) is None)
    )


def grants_of(federation: Federation | None) -> list[Grant]:
    """All grants of all accounts."""
    return [grant for account in federation.accounts for grant in account.grants] if federation else []


def require_number(google: Google, project: str, number: str) -> None:
    """Refuse a project number that is another project's: audience and bindings are made of it."""
    found = project_number(google, project)
    if found != number:
        raise InvalidProperties([f"ProjectNumber is {number}, but the number of the project {project} is {found}"])


def project_number(google: Google, project: str) -> str:
    """The number of a project."""
    answer = google.send(
        Request(
            what=f"read the project {project}",
            method="GET",
            service="cloudresourcemanager",
            path=f"v1/projects/{project}",
            needs=("resourcemanager.projects.get",),
        )
    )
    return str(answer["projectNumber"])


def _side_by_side(pool: ThreadPoolExecutor, look: Callable[[Key], Value], keys: Iterable[Key]) -> dict[Key, Value]:
    wanted = list(keys)
    return dict(zip(wanted, pool.map(look, wanted), strict=True))
