"""The AWS provider: one per stack, with the mapping and the condition that make the trust boundary."""

from dataclasses import dataclass

from .desired import Federation, Phase
from .errors import GoogleError
from .google import Google, Json, Request
from .ownership import Marker
from .pools import is_active
from .steps import Step
from .trust import union


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
            body=_fields(self.desired),
            needs=("iam.workloadIdentityPoolProviders.create",),
        )
        try:
            google.run(request)
        except GoogleError as error:
            found = find_provider(google, self.desired) if error.status == 409 else None
            if found is None or conflicts(self.desired, found):
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
    """Change what differs. `disabled` is never among it: a person who stopped a provider starts it again."""

    desired: Federation
    fields: tuple[tuple[str, object], ...]

    def __str__(self) -> str:
        names = ", ".join(name for name, _ in self.fields)
        condition = dict(self.fields).get("attributeCondition")
        told = f": {condition}" if condition else ""
        return f"update {names} of the provider {self.desired.id}{told}"

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
    return google.find(
        Request(
            what=f"read the provider {desired.id}",
            method="GET",
            service="iam",
            path=f"v1/{desired.provider_path}",
            needs=("iam.workloadIdentityPoolProviders.get",),
        )
    )


def conflicts(desired: Federation, provider: Json | None) -> list[str]:
    """Why the provider is not ours to change."""
    if provider is None or not desired.present:
        return []
    marker = Marker.find(provider.get("description"))
    if marker != desired.marker:
        whose = f"belongs to {marker.owner}" if marker else "was not made by Keyless"
        return [f"The provider {desired.id} {whose} and is not taken over. Choose another provider ID."]
    if "aws" not in provider:
        return [f"The provider {desired.id} is not an AWS provider, and Google changes no type. Choose another ID."]
    return []


def plan_provider(desired: Federation, provider: Json | None) -> list[Step]:
    """What brings the provider into being, before anything is bound to it."""
    if provider is None:
        return [CreateProvider(desired)]
    return [] if is_active(provider) else [UndeleteProvider(desired)]


def plan_trust(desired: Federation, provider: Json | None) -> list[Step]:
    """What gives an existing provider its mapping and condition; the last step of a plan that takes away.

    A plan that only adds has it before its bindings. So the live condition names every role that a binding
    was made for, and a plan which was cut short, or rolled back, still knows them.
    """
    fields = drift(desired, provider)
    return [PatchProvider(desired, fields)] if provider and fields else []


def plan_provider_removal(desired: Federation, provider: Json | None) -> list[Step]:
    """What removes the provider, if it is ours."""
    owned = provider is not None and Marker.find(provider.get("description")) == desired.marker
    return [DeleteProvider(desired)] if owned and is_active(provider) else []


def drift(desired: Federation, provider: Json | None) -> tuple[tuple[str, object], ...]:
    """The fields of the provider that differ from what is wanted, with the values that they should have."""
    wanted = _fields(desired)
    if provider is None:
        return tuple(wanted.items())
    if desired.phase is Phase.OPEN and is_active(provider):
        wanted["attributeCondition"] = union(provider.get("attributeCondition", ""), desired.provider.condition)
        wanted["attributeMapping"] = {**provider.get("attributeMapping", {}), **desired.provider.mapping}
    return tuple((name, value) for name, value in wanted.items() if provider.get(name, "") != value)


def _fields(desired: Federation) -> Json:
    return {
        "displayName": desired.provider.display_name,
        "description": desired.marker.description(),
        "aws": {"accountId": desired.provider.aws_account},
        "attributeMapping": dict(desired.provider.mapping),
        "attributeCondition": desired.provider.condition,
    }
