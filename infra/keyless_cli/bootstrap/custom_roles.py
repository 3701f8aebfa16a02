"""Custom roles of a Google project: made, kept to exactly the permissions that are wanted, and deleted.

Google can undelete one for seven days, and blocks its ID for thirty more. What is wanted again by then gets the next
ID: keylessFederation_2. https://cloud.google.com/iam/docs/creating-custom-roles#deleting-custom-role
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker

NUMBERED = re.compile(r"(?P<base>.+?)(_(?P<number>[0-9]+))?")

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

    def next(self) -> Self:
        """The same role under the next ID."""
        base, number = base_of(self.id), _number(self.id)
        return replace(self, id=f"{base}_{number + 1}")

    def present(self, existing: Mapping[str, Json]) -> "tuple[Self, Json | None]":
        """This role under the ID that it has, and what is there: an active one, else the last that was deleted."""
        ours = [name for name, found in existing.items() if base_of(name) == self.id and self.owns(found)]
        active = [name for name in ours if not existing[name].get("deleted")]
        chosen = min(active, key=_number, default=max(ours, key=_number, default=self.id))
        return replace(self, id=chosen), existing.get(chosen)

    def owns(self, found: Json) -> bool:
        """Whether what is there carries this role's marker."""
        return Marker.find(found.get("description")) == self.marker


def base_of(role_id: str) -> str:
    """The ID without the number that a blocked one got."""
    match = NUMBERED.fullmatch(role_id)
    return match["base"] if match else role_id


def full_names(permissions: Iterable[str]) -> list[str]:
    """The permissions as Google's own roles spell them."""
    return [
        name.replace("iam.", "iam.googleapis.com/", 1) if name.startswith(FULL_NAMES) else name for name in permissions
    ]


def short_names(permissions: Iterable[str]) -> list[str]:
    """The permissions as Google's refusals spell them."""
    return [name.replace("iam.googleapis.com/", "iam.", 1) for name in permissions]


def _number(role_id: str) -> int:
    match = NUMBERED.fullmatch(role_id)
    return int(match["number"] or 1) if match else 1
