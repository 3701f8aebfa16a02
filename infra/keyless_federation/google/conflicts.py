"""Why something of a wanted name is not ours to change: told, all at once, before anything is written."""

from collections.abc import Iterable, Iterator, Mapping

from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, whose

ADOPT = "Take it over with GcpFederation(..., adopt=True), or choose another"
TAKEN = (
    "adopt=True only takes over resources without an owner; this one has one. Choose another name, "
    "or remove the marker from its description, if that stack is gone"
)


def of_pool(
    desired: Federation, pool: Json | None, previous: Federation | None = None, providers: Iterable[Json] = ()
) -> list[str]:
    """About the pool; `providers` are those in one that is to be adopted.

    Any stack of the same AWS account may use a pool that Keyless made. A pool of another account may not be
    shared: a principalSet is pool-wide and names no account, so equal role names would be let in for each other.
    What goes back does not insist on a brake that its owner pulled or released meanwhile.
    """
    if pool is None or not desired.present:
        return []
    marker = Marker.find(pool.get("description"))
    named = f"The pool {desired.pool.id} of the project {desired.project}"
    if marker is None and not desired.adopt:
        return [
            f"{named} was not made by Keyless and is not taken over. {ADOPT} pool ID "
            "(that of a deleted pool stays blocked for 30 days)."
        ]
    if marker is None:
        return [f"{named} cannot be adopted: {why}. Choose another pool ID." for why in _strangers(desired, providers)]
    if marker.aws_account != desired.provider.aws_account:
        return [
            f"{named} belongs to the AWS account {marker.aws_account} ({marker.owner}). "
            "Choose another pool ID: accounts do not share pools."
        ]
    switched = desired.pool.disabled not in (None, pool.get("disabled", False))
    if switched and not desired.skip_unreadable and not desired.owns(pool.get("description"), previous):
        return [f"{named} {whose(pool.get('description'))}: only that stack disables and enables it."]
    return []


def of_provider(desired: Federation, provider: Json | None, previous: Federation | None = None) -> list[str]:
    """About the provider."""
    if provider is None or not desired.present:
        return []
    named, description = f"The provider {desired.id}", provider.get("description")
    marker = Marker.find(description)
    if marker is None and not desired.adopt:
        return [f"{named} was not made by Keyless and is not taken over. {ADOPT} provider ID."]
    if marker is not None and not desired.owns(description, previous):
        return [f"{named} {whose(description)} and is not taken over. {TAKEN}."]
    if "aws" not in provider:
        return [f"{named} is not an AWS provider, and Google changes no type. Choose another ID."]
    account = provider["aws"].get("accountId")
    if marker is None and account != desired.provider.aws_account:
        return [f"{named} is the AWS account {account}'s and is not taken over from it. Choose another ID."]
    return []


def of_accounts(desired: Federation, previous: Federation | None, existing: Mapping[str, Json]) -> list[str]:
    """About the wanted service accounts."""
    problems = []
    for email in (desired.email(account.name) for account in desired.accounts):
        description = existing.get(email, {}).get("description")
        marker = Marker.find(description)
        if email not in existing or (marker is None and desired.adopt):
            continue
        if marker is None:
            problems.append(f"The service account {email} was not made by Keyless and is not taken over. {ADOPT} name.")
        elif not desired.holds(description, previous):
            problems.append(f"The service account {email} {whose(description)} and is not taken over. {TAKEN}.")
    return problems


def _strangers(desired: Federation, providers: Iterable[Json]) -> Iterator[str]:
    """Providers of others under whose mapping a principalSet of ours would mean somebody else's roles, too."""
    for provider in providers:
        name, mapping = provider.get("name", "").rpartition("/")[2], provider.get("attributeMapping")
        account = provider.get("aws", {}).get("accountId")
        if account != desired.provider.aws_account and (not mapping or "attribute.aws_role" in mapping):
            whom = f"the AWS account {account}" if account else "others"
            yield f"its provider {name} lets {whom} in as attribute.aws_role, too, so equal role names would be one"
