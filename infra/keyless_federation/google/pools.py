"""The workload identity pool: shared by an AWS account's stacks, so that only its owner changes or deletes it."""

from dataclasses import dataclass, replace

from keyless_federation.errors import GoogleError
from keyless_federation.google import conflicts
from keyless_federation.google.client import Google, Request
from keyless_federation.google.drift import differing, switched, told
from keyless_federation.google.step import Step
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, text_of

DELETED = "DELETED"
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers/list
MOST_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class CreatePool:
    """Create the pool, with the marker of its owner."""

    desired: Federation

    def __str__(self) -> str:
        return f"create the pool {self.desired.pool.id}"

    def apply(self, google: Google) -> None:
        """Create it; one of ours that is there by now will do: an answer was lost, or it could not be seen."""
        parent, _, pool_id = self.desired.pool_path.rpartition("/")
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/{parent}",
            query={"workloadIdentityPoolId": pool_id},
            body=_fields(self.desired, None, None),
            needs=("iam.workloadIdentityPools.create",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            found = google.find_made(_reading(self.desired)) if error.status == 409 else None
            if found is None or conflicts.of_pool(replace(self.desired, adopt=False), found):
                raise
            for step in plan_pool(self.desired, found):
                step.apply(google)
        google.expect_propagation()


@dataclass(frozen=True, slots=True)
class UndeletePool:
    """Bring back a deleted pool, whose ID Google blocks for 30 days."""

    desired: Federation

    def __str__(self) -> str:
        return f"undelete the pool {self.desired.pool.id}"

    def apply(self, google: Google) -> None:
        """Undelete it; one that is active by now is fine."""
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/{self.desired.pool_path}:undelete",
            body={},
            needs=("iam.workloadIdentityPools.undelete",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            if error.status != 400 or not is_active(find_pool(google, self.desired)):
                raise
        google.expect_propagation()


@dataclass(frozen=True, slots=True)
class PatchPool:
    """Bring the pool up to date, and take it over where it had no owner."""

    desired: Federation
    fields: tuple[tuple[str, object], ...]
    adopts: bool = False

    def __str__(self) -> str:
        if self.adopts:
            return f"adopt the pool {self.desired.pool.id}, which was not made by Keyless: it stays when the stack goes"
        return f"update {told(self.fields)} of the pool {self.desired.pool.id}"

    def apply(self, google: Google) -> None:
        """Patch exactly these fields."""
        google.run(
            Request(
                what=f"update the pool {self.desired.pool.id}",
                method="PATCH",
                service="iam",
                path=f"v1/{self.desired.pool_path}",
                query={"updateMask": ",".join(name for name, _ in self.fields)},
                body=dict(self.fields),
                needs=("iam.workloadIdentityPools.update",),
            )
        )


@dataclass(frozen=True, slots=True)
class DeletePool:
    """Delete the pool, unless another stack's provider lives in it."""

    desired: Federation

    def __str__(self) -> str:
        return f"delete the pool {self.desired.pool.id}, if no provider is left in it"

    def apply(self, google: Google) -> None:
        """Look for providers, then delete; a pool that is gone by now is fine."""
        if list_providers(google, self.desired):
            return
        request = Request(
            what=f"delete the pool {self.desired.pool.id}",
            method="DELETE",
            service="iam",
            path=f"v1/{self.desired.pool_path}",
            needs=("iam.workloadIdentityPools.delete",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            if error.status not in (400, 404) or is_active(find_pool(google, self.desired)):
                raise


def find_pool(google: Google, desired: Federation) -> Json | None:
    """The pool as it is, deleted ones included, or None."""
    return google.find(_reading(desired))


def is_active(resource: Json | None) -> bool:
    """Whether a pool or provider is there and not deleted."""
    return resource is not None and resource.get("state") != DELETED


def plan_pool(desired: Federation, pool: Json | None, previous: Federation | None = None) -> list[Step]:
    """What makes the pool usable."""
    if pool is None:
        return [CreatePool(desired)]
    steps: list[Step] = [] if is_active(pool) else [UndeletePool(desired)]
    adopts = Marker.find(pool.get("description")) is None
    if adopts or desired.owns(pool.get("description"), previous):
        fields = differing(pool, _fields(desired, pool, previous))
        steps += [PatchPool(desired, fields, adopts)] if fields else []
    return steps


def plan_pool_removal(desired: Federation, pool: Json | None) -> list[Step]:
    """What removes the pool: nothing when it is retained, adopted or not ours."""
    description = (pool or {}).get("description")
    ours = desired.owns(description) and not is_adopted(description)
    return [DeletePool(desired)] if ours and is_active(pool) and not desired.pool.retain else []


def list_providers(google: Google, desired: Federation) -> list[Json]:
    """The pool's providers that are not deleted."""
    request = Request(
        what=f"list the providers of the pool {desired.pool.id}",
        method="GET",
        service="iam",
        path=f"v1/{desired.pool_path}/providers",
        query={"pageSize": MOST_AT_ONCE},
        needs=("iam.workloadIdentityPoolProviders.list",),
    )
    pages = google.pages(request)
    return [found for page in pages for found in page.get("workloadIdentityPoolProviders", []) if is_active(found)]


def _reading(desired: Federation) -> Request:
    return Request(
        what=f"read the pool {desired.pool.id}",
        method="GET",
        service="iam",
        path=f"v1/{desired.pool_path}",
        needs=("iam.workloadIdentityPools.get",),
    )


def _fields(desired: Federation, pool: Json | None, previous: Federation | None) -> Json:
    said = previous.pool.disabled if previous and previous.pool.id == desired.pool.id else None
    before = said or (pool is not None and not is_active(pool))  # the brake of an earlier life is no person's
    disabled = switched(desired.pool.disabled, before)
    description = (pool or {}).get("description")
    if pool is None or not is_adopted(description):
        described = desired.marker.description(desired.pool.description)
        return {"displayName": desired.pool.display_name, "description": described, **disabled}
    text = desired.pool.description or text_of(description)
    return {"description": desired.marker.on_adopted().description(text), **disabled}
