"""Workload identity pools and their AWS providers: Google's rules for IDs, mappings and conditions."""

import re
from dataclasses import dataclass, field
from typing import Any

from local.google.errors import already_exists, invalid_argument, not_found
from local.google.federation.mapping import AttributeMapping
from local.google.federation.soft_deletion import SoftDeletable
from local.google.projects import Project

ID = re.compile(r"[a-z0-9-]{4,32}")
AWS_ACCOUNT = re.compile(r"[0-9]{12}")
OTHER_TYPES = ("oidc", "saml", "x509")


@dataclass(slots=True, kw_only=True)
class Provider(SoftDeletable):
    """An AWS provider: whose account it trusts, how claims are mapped, and the condition on them."""

    account_id: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    condition: str = ""

    def compiled(self) -> AttributeMapping:
        """Compile the mapping and condition; raise 400 where Google refuses them."""
        return AttributeMapping(self.mapping, self.condition)

    def json(self) -> dict[str, Any]:
        """The provider as the API shows it."""
        shown = {
            **SoftDeletable.json(self),
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
                SoftDeletable._set(self, key, body)

    def _check(self) -> None:
        self.compiled()


@dataclass(slots=True, kw_only=True)
class Pool(SoftDeletable):
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
