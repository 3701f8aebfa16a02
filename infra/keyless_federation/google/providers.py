"""The AWS provider: one per stack, with the mapping and the condition that make the trust boundary."""

from dataclasses import dataclass, replace

from keyless_federation.errors import GoogleError
from keyless_federation.google import conflicts
from keyless_federation.google.client import Google, Request
from keyless_federation.google.drift import differing, switched, told
from keyless_federation.google.pools import is_active
from keyless_federation.google.step import Step
from keyless_federation.model.condition import union
from keyless_federation.model.federation import Federation, Phase
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, text_of


@dataclass(frozen=True, slots=True)
class CreateProvider:
    """Create the provider with its condition: it is never without one."""

    desired: Federation

    def __str__(self) -> str:
        return f"create the provider {self.desired.id} for the AWS account {self.desired.provider.aws_account}"

    def apply(self, google: Google) -> None:
        """Create it; one of ours that is there by now will do: an answer was lost, or it could not be seen."""
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/{self.desired.pool_path}/providers",
            query={"workloadIdentityPoolProviderId": self.desired.provider.id},
            body=_fields(self.desired, None, None),
            needs=("iam.workloadIdentityPoolProviders.create",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            found = google.find_made(_reading(self.desired)) if error.status == 409 else None
            if found is None or conflicts.of_provider(replace(self.desired, adopt=False), found):
                raise
            for step in (*plan_provider(self.desired, found), *plan_trust(self.desired, found)):
                step.apply(google)


@dataclass(frozen=True, slots=True)
class UndeleteProvider:
    """Bring back a deleted provider, whose ID Google blocks for 30 days."""

    desired: Federation

    def __str__(self) -> str:
        return f"undelete the provider {self.desired.id}"

    def apply(self, google: Google) -> None:
        """Undelete it; one that is active by now is fine."""
        request = Request(
            what=str(self),
            method="POST",
            service="iam",
            path=f"v1/{self.desired.provider_path}:undelete",
            body={},
            needs=("iam.workloadIdentityPoolProviders.undelete",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            if error.status != 400 or not is_active(find_provider(google, self.desired)):
                raise


@dataclass(frozen=True, slots=True)
class PatchProvider:
    """Change what differs; `why` stands before it where that is not all: the provider is taken over, or let go."""

    desired: Federation
    fields: tuple[tuple[str, object], ...]
    why: str = ""

    def __str__(self) -> str:
        condition = dict(self.fields).get("attributeCondition")
        shown = f": {condition}" if condition else ""
        if self.why:
            return (
                f"{self.why} the provider {self.desired.id}, which was not made by Keyless: {told(self.fields)}{shown}"
            )
        return f"update {told(self.fields)} of the provider {self.desired.id}{shown}"

    def apply(self, google: Google) -> None:
        """Patch exactly these fields."""
        google.run(
            Request(
                what=f"update the provider {self.desired.id}",
                method="PATCH",
                service="iam",
                path=f"v1/{self.desired.provider_path}",
                query={"updateMask": ",".join(name for name, _ in self.fields)},
                body=dict(self.fields),
                needs=("iam.workloadIdentityPoolProviders.update",),
            )
        )


@dataclass(frozen=True, slots=True)
class MarkProvider(PatchProvider):
    """Say whose it is: a kind of step of its own, for neighbours of one kind go side by side."""


@dataclass(frozen=True, slots=True)
class DeleteProvider:
    """Delete the provider: from here on nobody is let in."""

    desired: Federation

    def __str__(self) -> str:
        return f"delete the provider {self.desired.id}"

    def apply(self, google: Google) -> None:
        """Delete it; one that is gone by now is fine."""
        request = Request(
            what=str(self),
            method="DELETE",
            service="iam",
            path=f"v1/{self.desired.provider_path}",
            needs=("iam.workloadIdentityPoolProviders.delete",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            if error.status not in (400, 404) or is_active(find_provider(google, self.desired)):
                raise


def find_provider(google: Google, desired: Federation) -> Json | None:
    """The provider as it is, deleted ones included, or None."""
    return google.find(_reading(desired))


def plan_provider(desired: Federation, provider: Json | None) -> list[Step]:
    """What brings the provider into being, or makes it ours, before anything is bound to it."""
    if provider is None:
        return [CreateProvider(desired)]
    steps: list[Step] = [] if is_active(provider) else [UndeleteProvider(desired)]
    if Marker.find(provider.get("description")) is None and desired.removes:  # else its trust comes next
        marked = (("description", _fields(desired, provider, None)["description"]),)
        steps.append(MarkProvider(desired, marked, "adopt"))
    return steps


def plan_trust(desired: Federation, provider: Json | None, previous: Federation | None = None) -> list[Step]:
    """What gives an existing provider its mapping and condition; the last step of a plan that takes away.

    A plan that only adds has it before its bindings. So the live condition names every role that a binding
    was made for, and a plan which was cut short, or rolled back, still knows them.
    """
    if provider is None:
        return []
    fields = _drift(desired, provider, previous)
    why = "adopt" if Marker.find(provider.get("description")) is None else ""
    return [PatchProvider(desired, fields, why)] if fields else []


def _drift(desired: Federation, provider: Json, previous: Federation | None) -> tuple[tuple[str, object], ...]:
    """The fields of the provider that differ from what is wanted, with the values that they should have."""
    wanted = _fields(desired, provider, previous)
    if desired.phase is Phase.OPEN and is_active(provider):
        wanted["attributeCondition"] = union(provider.get("attributeCondition", ""), desired.provider.condition)
        wanted["attributeMapping"] = {**provider.get("attributeMapping", {}), **desired.provider.mapping}
    return differing(provider, wanted)


def _reading(desired: Federation) -> Request:
    return Request(
        what=f"read the provider {desired.id}",
        method="GET",
        service="iam",
        path=f"v1/{desired.provider_path}",
        needs=("iam.workloadIdentityPoolProviders.get",),
    )


def _fields(desired: Federation, provider: Json | None, previous: Federation | None) -> Json:
    said = previous.provider.disabled if previous and previous.id == desired.id else None
    before = said or (provider is not None and not is_active(provider))  # the brake of an earlier life is no person's
    description, text = (provider or {}).get("description"), desired.provider.description
    if provider is None or not is_adopted(description):
        described = desired.marker.description(text)
    else:
        described = desired.marker.on_adopted().description(text or text_of(description))
    return {
        "displayName": desired.provider.display_name,
        "description": described,
        "aws": {"accountId": desired.provider.aws_account},
        "attributeMapping": dict(desired.provider.mapping),
        "attributeCondition": desired.provider.condition,
        **switched(desired.provider.disabled, before),
    }
