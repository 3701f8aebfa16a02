"""Custom roles of a Google project: made and kept to exactly the permissions that are wanted."""

from collections.abc import Iterable
from dataclasses import dataclass

from functions.gcp_federation.errors import GoogleError
from functions.gcp_federation.google import Google, Json, Request
from functions.gcp_federation.ownership import Marker
from functions.gcp_federation.steps import Step

# Google's own roles hold these two kinds under their full names, while its refusals show the short ones.
# https://cloud.google.com/iam/docs/roles-permissions/iam
FULL_NAMES = ("iam.workloadIdentityPools.", "iam.workloadIdentityPoolProviders.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """A role `id` of `project` with these permissions, marked as the owner's."""

    project: str
    id: str
    title: str
    permissions: tuple[str, ...]
    marker: Marker

    @property
    def name(self) -> str:
        """Its name in a binding."""
        return f"projects/{self.project}/roles/{self.id}"


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Create a custom role."""

    role: CustomRole

    def __str__(self) -> str:
        return f"create the role {self.role.name} with {', '.join(self.role.permissions)}"

    def apply(self, google: Google) -> None:
        """Create it; one that is there by now must be the fruit of a request whose answer was lost."""
        try:
            _write(google, self.role, "POST", f"projects/{self.role.project}/roles", "iam.roles.create")
        except GoogleError as error:
            if error.status != 409:
                raise


@dataclass(frozen=True, slots=True)
class UndeleteRole:
    """Bring back a deleted role; Google allows it for seven days."""

    role: CustomRole

    def __str__(self) -> str:
        return f"undelete the role {self.role.name}"

    def apply(self, google: Google) -> None:
        """Undelete it."""
        google.send(
            Request(
                what=str(self),
                method="POST",
                service="iam",
                path=f"v1/{self.role.name}:undelete",
                body={},
                needs=("iam.roles.undelete",),
            )
        )


@dataclass(frozen=True, slots=True)
class PatchRole:
    """Give a role exactly the wanted permissions."""

    role: CustomRole
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        changes = [*(f"+ {name}" for name in self.added), *(f"- {name}" for name in self.removed)]
        return f"update the role {self.role.name}: {', '.join(changes) or 'its title'}"

    def apply(self, google: Google) -> None:
        """Patch title, description and permissions."""
        _write(google, self.role, "PATCH", self.role.name, "iam.roles.update")


def find_role(google: Google, role: CustomRole) -> Json | None:
    """The role as it is, deleted ones included, or None."""
    return google.find(
        Request(
            what=f"read the role {role.name}",
            method="GET",
            service="iam",
            path=f"v1/{role.name}",
            needs=("iam.roles.get",),
        )
    )


def conflicts(role: CustomRole, found: Json | None) -> list[str]:
    """Why the role is not ours to change."""
    if found is None or Marker.find(found.get("description")) == role.marker:
        return []
    return [f"The role {role.name} was not made by this bootstrap and is not taken over. Delete or rename it first."]


def plan_role(role: CustomRole, found: Json | None) -> list[Step]:
    """What makes the role so."""
    if found is None:
        return [CreateRole(role)]
    steps: list[Step] = [UndeleteRole(role)] if found.get("deleted") else []
    present, wanted = set(_short(found.get("includedPermissions", []))), set(role.permissions)
    if present != wanted or found.get("title") != role.title:
        steps.append(PatchRole(role, tuple(sorted(wanted - present)), tuple(sorted(present - wanted))))
    return steps


def full_names(permissions: Iterable[str]) -> list[str]:
    """The permissions as Google's own roles spell them."""
    return [
        name.replace("iam.", "iam.googleapis.com/", 1) if name.startswith(FULL_NAMES) else name for name in permissions
    ]


def _write(google: Google, role: CustomRole, method: str, path: str, permission: str) -> None:
    """Write the role, with the permissions spelled in full, or in short where that is what Google knows."""
    try:
        google.send(_request(role, method, path, permission, full_names(role.permissions)))
    except GoogleError as error:
        if error.status != 400 or "is not valid" not in error.words:
            raise
        google.send(_request(role, method, path, permission, role.permissions))


def _request(role: CustomRole, method: str, path: str, permission: str, permissions: Iterable[str]) -> Request:
    fields = {
        "title": role.title,
        "description": role.marker.description(),
        "includedPermissions": list(permissions),
        "stage": "GA",
    }
    create = method == "POST"
    return Request(
        what=f"{'create' if create else 'update'} the role {role.name}",
        method=method,
        service="iam",
        path=f"v1/{path}",
        query={} if create else {"updateMask": "title,description,includedPermissions"},
        body={"roleId": role.id, "role": fields} if create else fields,
        needs=(permission,),
    )


def _short(permissions: Iterable[str]) -> list[str]:
    return [name.replace("iam.googleapis.com/", "iam.", 1) for name in permissions]
