"""What is done to custom roles: the steps, and which of them a role needs."""

from collections.abc import Iterable
from dataclasses import dataclass

from keyless_cli.bootstrap.custom_roles import CustomRole, full_names, short_names
from keyless_federation.errors import GoogleError
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import ROLE, listing
from keyless_federation.google.step import Step
from keyless_federation.model.fields import Json

MOST_IDS = 9


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Create a custom role, under the next ID where Google blocks this one."""

    role: CustomRole
    beside = "create roles"

    def __str__(self) -> str:
        return f"create the role {self.role.name} with {', '.join(self.role.permissions)}"

    def apply(self, google: Google) -> None:
        """Create it; one that exists by now must come from an earlier request whose response was lost."""
        role = self.role
        for left in reversed(range(MOST_IDS)):
            try:
                _write(google, role, "POST", f"projects/{role.project}/roles", "iam.roles.create")
                return
            except GoogleError as error:
                if error.status == 409:
                    return
                if not left or not _blocked(error):
                    raise
            role = role.next()


@dataclass(frozen=True, slots=True)
class PatchRole:
    """Give a role exactly the wanted permissions."""

    role: CustomRole
    added: tuple[str, ...]
    removed: tuple[str, ...]
    beside = "update roles"

    def __str__(self) -> str:
        return f"update the role {self.role.name}: {self.changes}"

    @property
    def changes(self) -> str:
        """What it adds and removes."""
        return (
            ", ".join([*(f"+ {name}" for name in self.added), *(f"- {name}" for name in self.removed)]) or "its title"
        )

    def apply(self, google: Google) -> None:
        """Patch title, description and permissions."""
        _write(google, self.role, "PATCH", self.role.name, "iam.roles.update")


@dataclass(frozen=True, slots=True)
class UndeleteRole:
    """Bring back a deleted role, and up to date; after the seven days in which Google does, create the next."""

    role: CustomRole
    patch: PatchRole | None
    beside = "undelete roles"

    def __str__(self) -> str:
        return f"undelete the role {self.role.name}" + (f", then {self.patch}" if self.patch else "")

    def apply(self, google: Google) -> None:
        """Undelete it; one that is there by now is fine."""
        try:
            google.send(_request(self.role.name, "POST", ":undelete", "undelete", {}))
        except GoogleError as error:
            if error.status != 404 and not _blocked(error):
                raise
            if (find_role(google, self.role.name) or {"deleted": True}).get("deleted"):
                CreateRole(self.role.next()).apply(google)
                return
        if self.patch:
            self.patch.apply(google)


@dataclass(frozen=True, slots=True)
class DeleteRole:
    """Delete a custom role."""

    role: CustomRole
    beside = "delete roles"

    def __str__(self) -> str:
        return f"delete the role {self.role.name}"

    def apply(self, google: Google) -> None:
        """Delete it; one that is gone by now is fine."""
        try:
            google.send(_request(self.role.name, "DELETE", "", "delete", None))
        except GoogleError as error:
            if error.status != 404 and not _blocked(error):
                raise


def list_roles(google: Google, project: str) -> dict[str, Json]:
    """Return all custom roles of the project by ID, with their permissions; deleted ones included."""
    request = Request(
        what=f"list the custom roles of the project {project}",
        method="GET",
        service="iam",
        path=f"v1/projects/{project}/roles",
        query={"view": "FULL", "showDeleted": "true", "pageSize": 1000},
        needs=("iam.roles.list",),
        answer=listing("roles", ROLE),
    )
    return {role["name"].rpartition("/")[2]: role for role in google.listed(request, "roles")}


def find_role(google: Google, name: str) -> Json | None:
    """Return the role of this name, a deleted one, too; a list that lacks it proves nothing."""
    return google.find(_request(name, "GET", "", "get", None))


def conflicts(role: CustomRole, found: Json | None) -> list[str]:
    """Why the role is not ours to change."""
    if found is None or role.owns(found):
        return []
    return [f"The role {role.name} was not made by this bootstrap and is not taken over. Delete or rename it first."]


def plan_role(role: CustomRole, found: Json | None) -> list[Step]:
    """What makes the role so."""
    if found is None:
        return [CreateRole(role)]
    present, wanted = set(short_names(found.get("includedPermissions", []))), set(role.permissions)
    patch = None
    if present != wanted or found.get("title") != role.title:
        patch = PatchRole(role, tuple(sorted(wanted - present)), tuple(sorted(present - wanted)))
    if found.get("deleted"):
        return [UndeleteRole(role, patch)]
    return [patch] if patch else []


def _blocked(error: GoogleError) -> bool:
    """Whether a deleted role stands in the way."""
    return error.status == 400 and (error.reason == "FAILED_PRECONDITION" or "delet" in error.words)


def _write(google: Google, role: CustomRole, method: str, path: str, permission: str) -> None:
    """Write the role, with the permissions spelled in full, or in short where that is what Google knows."""
    try:
        google.send(_write_request(role, method, path, permission, full_names(role.permissions)))
    except GoogleError as error:
        if error.status != 400 or "is not valid" not in error.words:
            raise
        google.send(_write_request(role, method, path, permission, role.permissions))


def _write_request(role: CustomRole, method: str, path: str, permission: str, permissions: Iterable[str]) -> Request:
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
        answer=ROLE,
    )


def _request(name: str, method: str, suffix: str, verb: str, body: Json | None) -> Request:
    what = f"{'read' if verb == 'get' else verb} the role {name}"
    return Request(
        what=what,
        method=method,
        service="iam",
        path=f"v1/{name}{suffix}",
        body=body,
        needs=(f"iam.roles.{verb}",),
        answer=ROLE,
    )
