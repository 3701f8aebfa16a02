"""What pools and providers have in common: a description, field masks, and a deletion that can be taken back."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from local.google.errors import failed_precondition, invalid_argument

KEPT = timedelta(days=30)


@dataclass(slots=True, kw_only=True)
class SoftDeletable:
    """A resource whose ID stays taken when it is deleted, and which can be brought back."""

    name: str
    display_name: str = ""
    description: str = ""
    disabled: bool = False
    expires: datetime | None = None

    @property
    def usable(self) -> bool:
        """Neither disabled nor deleted."""
        return not self.disabled and self.expires is None

    def delete(self) -> None:
        """Delete softly: the ID stays taken for 30 days."""
        self.require_active()
        self.expires = datetime.now(UTC) + KEPT

    def undelete(self) -> None:
        """Bring back what was deleted."""
        if self.expires is None:
            raise failed_precondition(f"{self.name} is not deleted.")
        self.expires = None

    def require_active(self) -> None:
        """400 for what is deleted: it can be read and undeleted, and nothing else."""
        if self.expires is not None:
            raise failed_precondition(f"{self.name} is deleted: undelete it first.")

    def patch(self, body: dict[str, Any], mask: Iterable[str]) -> None:
        """Apply exactly what `mask` names, all of it or nothing; what the body lacks is cleared."""
        draft = copy.copy(self)
        for key in mask:
            draft._set(key, body)
        draft._check()
        for item in fields(self):
            setattr(self, item.name, getattr(draft, item.name))

    def json(self) -> dict[str, Any]:
        """The resource as the API shows it: what is empty or false is left out."""
        shown = {
            "name": self.name,
            "displayName": self.display_name,
            "description": self.description,
            "state": "DELETED" if self.expires else "ACTIVE",
            "disabled": self.disabled,
            "expireTime": self.expires.strftime("%Y-%m-%dT%H:%M:%SZ") if self.expires else None,
        }
        return {key: value for key, value in shown.items() if value}

    def _set(self, key: str, body: dict[str, Any]) -> None:
        match key:
            case "displayName":
                self.display_name = _text(key, body, 32)
            case "description":
                self.description = _text(key, body, 256)
            case "disabled":
                self.disabled = body.get("disabled") is True
            case _:
                raise invalid_argument(f"Invalid field in update_mask: {key}")

    def _check(self) -> None:
        """400 when the fields do not go together."""


def _text(key: str, body: dict[str, Any], limit: int) -> str:
    value = str(body.get(key) or "")
    if len(value) > limit:
        raise invalid_argument(f"{key} has {len(value)} characters; at most {limit} are allowed.")
    return value
