"""Pools and providers: Google deletes them softly and blocks their IDs for 30 days, so that deleted ones come back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keyless_federation.errors import GoogleError
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import OPERATION, Shape
from keyless_federation.google.step import Step
from keyless_federation.model.fields import Json

DELETED = "DELETED"
Fields = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A pool or a provider, as requests name it.

    noun, name: how people call it. path: its resource name. id_parameter: the query parameter that names a new one.
    permissions: the first words of the permissions on it. shape: its shape in an answer.
    """

    noun: str
    name: str
    path: str
    id_parameter: str
    permissions: str
    shape: Shape

    def request(self, verb: str, method: str, permission: str = "", suffix: str = "", **more: Any) -> Request:
        """Return a request about the resource; `permission` is the verb unless it is given."""
        return Request(
            what=f"{verb} {self}",
            method=method,
            service="iam",
            path=f"v1/{self.path}{suffix}",
            needs=(f"{self.permissions}.{permission or verb}",),
            answer=self.shape if method == "GET" else OPERATION,
            **more,
        )

    def find(self, google: Google) -> Json | None:
        """Return the resource as it is, also a deleted one; None where there is none."""
        return google.find(self.request("read", "GET", "get"))

    def __str__(self) -> str:
        return f"the {self.noun} {self.name}"


@dataclass(frozen=True, slots=True)
class Create:
    """Create a pool or provider.

    One that exists by now is accepted where `accept` returns the steps that bring it up to date, and not None: the
    answer to an earlier request was lost, or the resource could not be seen yet.
    """

    resource: Resource
    body: Json
    accept: Callable[[Json], list[Step] | None]
    beside = ""

    def __str__(self) -> str:
        account = self.body.get("aws", {}).get("accountId", "")
        return f"create {self.resource}" + (f" for the AWS account {account}" if account else "")

    def apply(self, google: Google) -> None:
        """Create it, or accept the one that exists."""
        parent, _, resource_id = self.resource.path.rpartition("/")
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/{parent}",
            query={self.resource.id_parameter: resource_id},
            body=self.body,
            needs=(f"{self.resource.permissions}.create",),
            answer=OPERATION,
        )
        try:
            google.run(request)
        except GoogleError as error:
            found = google.find_made(self.resource.request("read", "GET", "get")) if error.status == 409 else None
            steps = self.accept(found) if found is not None else None
            if steps is None:
                raise
            for step in steps:
                step.apply(google)
        google.expect_propagation()


@dataclass(frozen=True, slots=True)
class Undelete:
    """Bring back a deleted pool or provider."""

    resource: Resource
    beside = ""

    def __str__(self) -> str:
        return f"undelete {self.resource}"

    def apply(self, google: Google) -> None:
        """Undelete it; one that is active by now is fine."""
        try:
            google.run(self.resource.request("undelete", "POST", suffix=":undelete", body={}))
        except GoogleError as error:
            if error.status != 400 or not is_active(self.resource.find(google)):
                raise
        google.expect_propagation()


@dataclass(frozen=True, slots=True)
class Patch:
    """Change these fields and no others; `words` say what for."""

    resource: Resource
    fields: Fields
    words: str
    beside = ""

    def __str__(self) -> str:
        return self.words

    def apply(self, google: Google) -> None:
        """Patch exactly these fields."""
        mask = {"updateMask": ",".join(name for name, _ in self.fields)}
        google.run(self.resource.request("update", "PATCH", query=mask, body=dict(self.fields)))


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a pool or provider."""

    resource: Resource
    beside = ""

    def __str__(self) -> str:
        return f"delete {self.resource}"

    def apply(self, google: Google) -> None:
        """Delete it; one that is gone by now is fine."""
        try:
            google.run(self.resource.request("delete", "DELETE"))
        except GoogleError as error:
            if error.status not in (400, 404) or is_active(self.resource.find(google)):
                raise


ResourceStep = Create | Undelete | Patch | Delete


def is_active(found: Json | None) -> bool:
    """Return whether a pool or provider exists and is not deleted."""
    return found is not None and found.get("state") != DELETED
