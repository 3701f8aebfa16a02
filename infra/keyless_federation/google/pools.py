"""The workload identity pool: shared by an AWS account's stacks, so that only its owner changes or deletes it."""

from dataclasses import dataclass, replace

from keyless_federation.google import conflicts
from keyless_federation.google.client import Google, Request
from keyless_federation.google.drift import described, differing, switched, told
from keyless_federation.google.providers import provider_of
from keyless_federation.google.shapes import POOL, PROVIDER, listing
from keyless_federation.google.soft_deletion import Create, Delete, Patch, Resource, Undelete, is_active
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted

# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers/list
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class DeletePool:
    """Delete the pool, unless another stack's provider lives in it."""

    desired: Federation
    beside = ""

    def __str__(self) -> str:
        return f"delete the pool {self.desired.pool.id}, if no provider is left in it"

    def apply(self, google: Google) -> None:
        """Look for providers, then delete."""
        if not list_providers(google, self.desired):
            Delete(pool_of(self.desired)).apply(google)


def pool_of(federation: Federation) -> Resource:
    """Return the federation's pool, as requests name it."""
    return Resource(
        noun="pool",
        name=federation.pool.id,
        path=federation.pool_path,
        id_parameter="workloadIdentityPoolId",
        permissions="iam.workloadIdentityPools",
        shape=POOL,
    )


def plan_pool(desired: Federation, pool: Json | None, previous: Federation | None = None) -> list[Step]:
    """Return what makes the pool usable."""
    resource = pool_of(desired)
    if pool is None:
        return [Create(resource, _fields(desired, None, None), lambda found: _accept(desired, found))]
    steps: list[Step] = [] if is_active(pool) else [Undelete(resource)]
    adopts = Marker.find(pool.get("description")) is None
    fields = differing(pool, _fields(desired, pool, previous))
    if fields and (adopts or desired.owns(pool.get("description"), previous)):
        adopted = f"adopt {resource}, which was not made by Keyless: it stays when the stack goes"
        steps.append(Patch(resource, fields, adopted if adopts else f"update {told(fields)} of {resource}"))
    return steps


def plan_pool_removal(desired: Federation, pool: Json | None) -> list[Step]:
    """Return what removes the pool: nothing when it is retained, adopted or not ours."""
    description = (pool or {}).get("description")
    ours = desired.owns(description) and not is_adopted(description)
    return [DeletePool(desired)] if ours and is_active(pool) and not desired.pool.retain else []


def list_providers(google: Google, desired: Federation) -> list[Json]:
    """Return the pool's providers that are not deleted.

    An empty list may be anybody's answer. Google's names our own provider, even for 30 days after its deletion: a
    list without it is believed only where our provider, asked for by name, is not there either.
    """
    request = Request(
        what=f"list the providers of the pool {desired.pool.id}",
        method="GET",
        service="iam",
        path=f"v1/{desired.pool_path}/providers",
        query={"pageSize": MOST_AT_ONCE, "showDeleted": "true"},
        needs=("iam.workloadIdentityPoolProviders.list",),
        answer=listing("workloadIdentityPoolProviders", PROVIDER),
    )

    def attempt() -> list[Json] | None:
        found = list(google.listed(request, "workloadIdentityPoolProviders"))
        named = any(one["name"].endswith(f"/providers/{desired.provider.id}") for one in found)
        return found if named or provider_of(desired).find(google) is None else None

    return [found for found in google.until(request.what, attempt) if is_active(found)]


def _accept(desired: Federation, found: Json) -> list[Step] | None:
    return None if conflicts.of_pool(replace(desired, adopt=False), found) else plan_pool(desired, found)


def _fields(desired: Federation, pool: Json | None, previous: Federation | None) -> Json:
    said = previous.pool.disabled if previous and previous.pool.id == desired.pool.id else None
    before = said or (pool is not None and not is_active(pool))  # a pool that comes back was disabled by no person
    adopted = pool is not None and is_adopted(pool.get("description"))
    return {
        **({} if adopted else {"displayName": desired.pool.display_name}),
        "description": described(pool, desired.marker, desired.pool.description),
        **switched(desired.pool.disabled, before),
    }
