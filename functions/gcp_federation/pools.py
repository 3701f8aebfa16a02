"""The workload identity pool: shared by an AWS account's stacks, so that only its owner changes or deletes it."""

from dataclasses import dataclass

from .desired import Federation
from .errors import GoogleError
from .google import Google, Json, Request
from .ownership import Marker
from .steps import Step

DELETED = "DELETED"


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
            body=_fields(self.desired),
            needs=("iam.workloadIdentityPools.create",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            found = find_pool(google, self.desired) if error.status == 409 else None
            if found is None or conflicts(self.desired, found):
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
    """Bring what the pool says of itself up to date."""

    desired: Federation

    def __str__(self) -> str:
        return f"update the pool {self.desired.pool.id}"

    def apply(self, google: Google) -> None:
        """Patch display name and description."""
        google.run(
            Request(
                what=str(self),
                method="PATCH",
                service="iam",
                path=f"v1/{self.desired.pool_path}",
                query={"updateMask": "displayName,description"},
                body=_fields(self.desired),
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
        if _has_providers(google, self.desired):
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
    return google.find(
        Request(
            what=f"read the pool {desired.pool.id}",
            method="GET",
            service="iam",
            path=f"v1/{desired.pool_path}",
            needs=("iam.workloadIdentityPools.get",),
        )
    )


def is_active(resource: Json | None) -> bool:
    """Whether a pool or provider is there and not deleted."""
    return resource is not None and resource.get("state") != DELETED


def conflicts(desired: Federation, pool: Json | None) -> list[str]:
    """Why the pool is not ours to use.

    Any stack of the same AWS account may use a pool that Keyless made. A pool of another account may not be
    shared: a principalSet is pool-wide and names no account, so equal role names would be let in for each other.
    """
    if pool is None or not desired.present:
        return []
    marker = Marker.find(pool.get("description"))
    if marker is None:
        return [
            f"The pool {desired.pool.id} of the project {desired.project} was not made by Keyless and is not taken "
            "over. Choose another pool ID, or delete it (its ID stays blocked for 30 days)."
        ]
    if marker.aws_account != desired.provider.aws_account:
        return [
            f"The pool {desired.pool.id} of the project {desired.project} belongs to the AWS account "
            f"{marker.aws_account} ({marker.owner}). Choose another pool ID: accounts do not share pools."
        ]
    return []


def plan_pool(desired: Federation, pool: Json | None) -> list[Step]:
    """What makes the pool usable."""
    if pool is None:
        return [CreatePool(desired)]
    steps: list[Step] = [] if is_active(pool) else [UndeletePool(desired)]
    owned = Marker.find(pool.get("description")) == desired.marker
    if owned and any(pool.get(key, "") != value for key, value in _fields(desired).items()):
        steps.append(PatchPool(desired))
    return steps


def plan_pool_removal(desired: Federation, pool: Json | None) -> list[Step]:
    """What removes the pool: nothing when it is retained or not ours."""
    owned = pool is not None and Marker.find(pool.get("description")) == desired.marker
    return [DeletePool(desired)] if owned and is_active(pool) and not desired.pool.retain else []


def _fields(desired: Federation) -> Json:
    return {"displayName": desired.pool.display_name, "description": desired.marker.description()}


def _has_providers(google: Google, desired: Federation) -> bool:
    answer = google.send(
        Request(
            what=f"list the providers of the pool {desired.pool.id}",
            method="GET",
            service="iam",
            path=f"v1/{desired.pool_path}/providers",
            needs=("iam.workloadIdentityPoolProviders.list",),
        )
    )
    return any(is_active(provider) for provider in answer.get("workloadIdentityPoolProviders", []))
