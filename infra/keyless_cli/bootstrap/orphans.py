"""The federations that a deployer has made: what would be orphaned without it."""

from collections.abc import Iterator, Mapping
from typing import Any

from keyless_cli.bootstrap.deployer import DeployerSpec
from keyless_federation.google.accounts import list_accounts
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import POOL, PROVIDER, Shape, listing
from keyless_federation.google.soft_deletion import is_active
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker
from keyless_federation.model.rules import pools_parent

MOST_AT_ONCE = 50  # https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/list


def federations(google: Google, deployer: DeployerSpec) -> list[str]:
    """Providers and service accounts of stacks of this AWS account, each with its owner; sorted."""
    parent = f"v1/{pools_parent(deployer.project)}/workloadIdentityPools"
    pools = [pool for pool in _listed(google, parent, "workloadIdentityPools", POOL) if is_active(pool)]
    found = []
    for pool in pools:
        pool_id = pool["name"].rpartition("/")[2]
        for provider in _listed(google, f"{parent}/{pool_id}/providers", "workloadIdentityPoolProviders", PROVIDER):
            if is_active(provider) and (owner := _owner(provider, deployer)):
                found.append(f"the provider {pool_id}/{provider['name'].rpartition('/')[2]} of {owner}")
    for email, account in list_accounts(google, deployer.project).items():
        if owner := _owner(account, deployer):
            found.append(f"the service account {email} of {owner}")
    return sorted(found)


def _owner(thing: Mapping[str, Any], deployer: DeployerSpec) -> str | None:
    """The stack of this AWS account that made a thing, or took it over; None for anything else."""
    marker = Marker.find(thing.get("description"))
    if marker is None or marker.aws_account != deployer.account or marker.owner == deployer.marker.owner:
        return None
    return marker.owner


def _listed(google: Google, path: str, key: str, shape: Shape) -> Iterator[Json]:
    return google.listed(
        Request(
            what=f"list {path.removeprefix('v1/')}",
            method="GET",
            service="iam",
            path=path,
            query={"pageSize": MOST_AT_ONCE},
            needs=(f"iam.{key}.list",),
            answer=listing(key, shape),
        ),
        key,
    )
