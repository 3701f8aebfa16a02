"""Custom roles of projects: a list of permissions under a name, deleted softly."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from local.google.errors import GoogleError, failed_precondition, invalid_argument, not_found
from local.google.iam.policies import new_etag, same_etag
from local.google.iam.roles import predefined

ROLE_ID = re.compile(r"[A-Za-z0-9_.]{3,64}")
FIELDS = ("title", "description", "includedPermissions", "stage")


@dataclass(slots=True)
class CustomRole:
    """One custom role; `name` is projects/PROJECT/roles/ID."""

    name: str
    title: str = ""
    description: str = ""
    permissions: tuple[str, ...] = ()
    stage: str = "ALPHA"
    deleted: bool = False
    etag: str = field(default_factory=new_etag)

    def json(self, *, full: bool = True) -> dict[str, Any]:
        """The role as the API shows it; lists leave the permissions out unless asked for the full view."""
        shown = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "includedPermissions": list(self.permissions) if full else [],
            "stage": "" if self.stage == "ALPHA" else self.stage,
            "etag": self.etag,
            "deleted": self.deleted,
        }
        return {key: value for key, value in shown.items() if value}


class CustomRoles:
    """All custom roles."""

    def __init__(self) -> None:
        self._roles: dict[str, CustomRole] = {}

    def create(self, project: str, role_id: str, body: dict[str, Any]) -> CustomRole:
        """A new role, or 409, or 400 where a deleted one still holds the ID."""
        if not ROLE_ID.fullmatch(role_id):
            raise invalid_argument(f"The role ID {role_id!r} is not valid: 3-64 of a-z, A-Z, 0-9, _ and period.")
        role = CustomRole(f"projects/{project}/roles/{role_id}")
        existing = self._roles.get(role.name)
        if existing and existing.deleted:
            raise failed_precondition(
                f"You can't create a role with role_id ({role_id}) where there is an existing role with that "
                "role_id in a deleted state."
            )
        if existing:
            raise GoogleError(409, "ALREADY_EXISTS", f"A role named {role_id} in projects/{project} already exists.")
        _apply(role, body, FIELDS)
        self._roles[role.name] = role
        return role

    def get(self, name: str) -> CustomRole:
        """The role, deleted or not, or 404."""
        if name not in self._roles:
            raise not_found(f"The role named {name} was not found.")
        return self._roles[name]

    def list(self, project: str, *, deleted: bool) -> list[CustomRole]:
        """The project's roles; deleted ones when asked for."""
        mine = (role for role in self._roles.values() if role.name.startswith(f"projects/{project}/"))
        return sorted((role for role in mine if deleted or not role.deleted), key=lambda role: role.name)

    def patch(self, name: str, body: dict[str, Any], mask: Collection[str]) -> CustomRole:
        """Apply what `mask` names, or everything in the body when there is none."""
        role = self.get(name)
        if role.deleted:
            raise failed_precondition(f"You can't update the role {name}: it is deleted.")
        _require_etag(role, body.get("etag"))
        _apply(role, body, mask or [key for key in FIELDS if key in body])
        role.etag = new_etag()
        return role

    def set_deleted(self, name: str, deleted: bool, etag: str | None = None) -> CustomRole:
        """Delete softly, or undelete; 400 when it is so already."""
        role = self.get(name)
        _require_etag(role, etag)
        if role.deleted == deleted:
            raise failed_precondition(f"The role {name} is {'already' if deleted else 'not'} deleted.")
        role.deleted, role.etag = deleted, new_etag()
        return role

    def permissions(self, name: str) -> frozenset[str]:
        """What the role allows now; nothing when it is deleted or was never made."""
        role = self._roles.get(name)
        return frozenset(role.permissions) if role and not role.deleted else frozenset()


def _apply(role: CustomRole, body: dict[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        if key == "includedPermissions":
            role.permissions = _checked(body.get(key, []))
        elif key in FIELDS:
            setattr(role, key, str(body.get(key, "")))
        else:
            raise invalid_argument(f"Invalid field mask: {key}")


def _checked(permissions: Any) -> tuple[str, ...]:
    if not isinstance(permissions, list):
        raise invalid_argument("Invalid value at 'includedPermissions': a list of strings is expected.")
    for permission in permissions:
        if permission not in predefined.PERMISSIONS or permission in predefined.NOT_IN_PROJECT_ROLES:
            raise invalid_argument(f"Permission {permission} is not valid.")
    return tuple(sorted(set(permissions)))


def _require_etag(role: CustomRole, etag: str | None) -> None:
    if etag and not same_etag(etag, role.etag):
        raise GoogleError(409, "ABORTED", "There were concurrent policy changes. Please retry the whole operation.")
