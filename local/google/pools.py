"""Workload identity pools and their AWS providers: Google's rules for IDs, soft deletion and patches."""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.trust import ConditionError, Trust
from local.google.errors import already_exists, failed_precondition, invalid_argument, not_found
from local.google.projects import Project

ID = re.compile(r"[a-z0-9-]{4,32}")
AWS_ACCOUNT = re.compile(r"[0-9]{12}")
OTHER_TYPES = ("oidc", "saml", "x509")
KEPT = timedelta(days=30)
# What Google maps for an AWS provider that was given no mapping.
# https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers
DEFAULT_MAPPING = {
    "google.subject": "assertion.arn",
    "attribute.aws_role": (
        "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/')"
        " + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn"
    ),
}


@dataclass(slots=True, kw_only=True)
class Described:
    """What pools and providers have in common."""

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


@dataclass(slots=True, kw_only=True)
class Provider(Described):
    """An AWS provider: whose account it trusts, how claims are mapped, and the condition on them."""

    account_id: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    condition: str = ""

    def trust(self) -> Trust:
        """The mapping and condition, compiled; 400 when Google would not take them."""
        try:
            return Trust.compile(self.mapping or DEFAULT_MAPPING, self.condition)
        except ConditionError as error:
            raise invalid_argument(str(error)) from error

    def json(self) -> dict[str, Any]:
        """The provider as the API shows it."""
        shown = {
            **Described.json(self),
            "attributeMapping": self.mapping,
            "attributeCondition": self.condition,
            "aws": {"accountId": self.account_id},
        }
        return {key: value for key, value in shown.items() if value}

    def _set(self, key: str, body: dict[str, Any]) -> None:
        match key:
            case "attributeMapping":
                self.mapping = {name: str(source) for name, source in _message(key, body).items()}
            case "attributeCondition":
                self.condition = str(body.get(key, ""))
            case "aws" | "aws.accountId":
                self.account_id = _account(body)
            case _ if key.partition(".")[0] in OTHER_TYPES:
                raise invalid_argument("The type of a provider cannot be changed.")
            case _:
                Described._set(self, key, body)

    def _check(self) -> None:
        self.trust()


@dataclass(slots=True, kw_only=True)
class Pool(Described):
    """A pool and its providers."""

    id: str
    number: str
    providers: dict[str, Provider] = field(default_factory=dict)

    def create_provider(self, provider_id: str, body: dict[str, Any]) -> Provider:
        """A new AWS provider; 409 for an ID that was ever taken, deleted ones included."""
        self.require_active()
        require_id("workload_identity_pool_provider_id", provider_id)
        if provider_id in self.providers:
            raise already_exists()
        if any(kind in body for kind in OTHER_TYPES):
            raise invalid_argument("Only AWS providers are emulated here.")
        provider = Provider(name=f"{self.name}/providers/{provider_id}")
        provider.patch(
            body, ["displayName", "description", "disabled", "aws", "attributeMapping", "attributeCondition"]
        )
        self.providers[provider_id] = provider
        return provider

    def provider(self, provider_id: str) -> Provider:
        """The provider, deleted or not, or 404."""
        if provider_id not in self.providers:
            raise not_found()
        return self.providers[provider_id]


class Pools:
    """All pools."""

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str], Pool] = {}

    def create(self, project: Project, pool_id: str, body: dict[str, Any]) -> Pool:
        """A new pool; 409 for an ID that was ever taken, deleted ones included."""
        require_id("workload_identity_pool_id", pool_id)
        if (project.number, pool_id) in self._pools:
            raise already_exists()
        name = f"projects/{project.number}/locations/global/workloadIdentityPools/{pool_id}"
        pool = Pool(name=name, id=pool_id, number=project.number)
        pool.patch(body, ["displayName", "description", "disabled"])
        self._pools[project.number, pool_id] = pool
        return pool

    def find(self, number: str, pool_id: str) -> Pool | None:
        """The pool of the project of this number, deleted or not."""
        return self._pools.get((number, pool_id))

    def get(self, project: Project, pool_id: str) -> Pool:
        """The pool, deleted or not, or 404."""
        pool = self.find(project.number, pool_id)
        if pool is None:
            raise not_found()
        return pool

    def list(self, project: Project) -> list[Pool]:
        """The project's pools, deleted ones too."""
        return [pool for (number, _), pool in sorted(self._pools.items()) if number == project.number]


def require_id(what: str, value: str) -> None:
    """400 for an ID that is not 4-32 of a-z, 0-9 and -, or that starts with gcp-."""
    if not ID.fullmatch(value) or value.startswith("gcp-"):
        raise invalid_argument(
            f"Invalid {what} {value!r}: 4-32 characters of [a-z0-9-]; the prefix `gcp-` is reserved for use by Google."
        )


def _text(key: str, body: dict[str, Any], limit: int) -> str:
    value = str(body.get(key) or "")
    if len(value) > limit:
        raise invalid_argument(f"{key} has {len(value)} characters; at most {limit} are allowed.")
    return value


def _message(key: str, body: dict[str, Any]) -> dict[str, Any]:
    value = body.get(key) or {}
    if not isinstance(value, dict):
        raise invalid_argument(f"{key} must be an object.")
    return value


def _account(body: dict[str, Any]) -> str:
    account = _message("aws", body).get("accountId", "")
    if not AWS_ACCOUNT.fullmatch(str(account)):
        raise invalid_argument("aws.account_id must be the 12 digits of an AWS account.")
    return str(account)
