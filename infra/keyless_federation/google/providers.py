"""The AWS provider: one per stack, with the mapping and the condition that make the trust boundary."""

from dataclasses import replace

from keyless_federation.google import conflicts
from keyless_federation.google.drift import described, differing, switched, told
from keyless_federation.google.shapes import PROVIDER
from keyless_federation.google.soft_deletion import Create, Delete, Fields, Patch, Resource, Undelete, is_active
from keyless_federation.google.step import Step
from keyless_federation.model.condition import union, without
from keyless_federation.model.federation import Federation, Phase
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, text_of

ENDED = "-"  # in the marker of an adopted provider: its trust has ended, what we gave may still be there


def provider_of(federation: Federation) -> Resource:
    """Return the federation's provider, as requests name it."""
    return Resource(
        noun="provider",
        name=federation.id,
        path=federation.provider_path,
        id_parameter="workloadIdentityPoolProviderId",
        permissions="iam.workloadIdentityPoolProviders",
        shape=PROVIDER,
    )


def plan_provider(desired: Federation, provider: Json | None) -> list[Step]:
    """Return what brings the provider into being, or makes it ours, before anything is bound to it.

    It is created with its condition: it is never without one.
    """
    resource = provider_of(desired)
    if provider is None:
        return [Create(resource, _fields(desired, None, None), lambda found: _accept(desired, found))]
    steps: list[Step] = [] if is_active(provider) else [Undelete(resource)]
    if Marker.find(provider.get("description")) is None and desired.removes:  # else its trust comes next
        steps.append(_patch(desired, (("description", _fields(desired, provider, None)["description"]),), "adopt"))
    return steps


def plan_trust(desired: Federation, provider: Json | None, previous: Federation | None = None) -> list[Step]:
    """Return what gives an existing provider its mapping and condition; the last step of a plan that takes away.

    A plan that only adds has it before its bindings. So the live condition names every role that a binding
    was made for, and a plan which was cut short, or rolled back, still knows them.
    """
    if provider is None:
        return []
    fields = _drift(desired, provider, previous)
    return [_patch(desired, fields, "adopt" if Marker.find(provider.get("description")) is None else "")] * bool(fields)


def plan_provider_removal(desired: Federation, provider: Json | None) -> list[Step]:
    """Return what ends the trust: our own provider is deleted, an adopted one admits only what it admitted besides."""
    description = _ours(desired, provider)
    if provider is None or description is None:
        return []
    if not is_adopted(description):
        return [Delete(provider_of(desired))]
    if (marker := Marker.find(description)) and marker.kept:
        return []
    rest = without(provider.get("attributeCondition", ""), desired.provider.condition)
    ended = desired.marker.on_adopted(ENDED).description(text_of(description))
    return [_patch(desired, (("description", ended), ("attributeCondition", rest)), "let go of")]


def plan_provider_release(desired: Federation, provider: Json | None) -> list[Step]:
    """Return what takes our marker off an adopted provider; until then, direct grants are known to be ours."""
    description = _ours(desired, provider)
    if description is None or not is_adopted(description):
        return []
    return [_patch(desired, (("description", text_of(description)),), "let go of")]


def _patch(desired: Federation, fields: Fields, why: str) -> Patch:
    """Change fields of the provider; `why` is a verb for one that was not made by us."""
    resource, condition = provider_of(desired), dict(fields).get("attributeCondition")
    shown = f": {condition}" if condition else ""
    if why:
        return Patch(resource, fields, f"{why} {resource}, which was not made by Keyless: {told(fields)}{shown}")
    return Patch(resource, fields, f"update {told(fields)} of {resource}{shown}")


def _accept(desired: Federation, found: Json) -> list[Step] | None:
    if conflicts.of_provider(replace(desired, adopt=False), found):
        return None
    return [*plan_provider(desired, found), *plan_trust(desired, found)]


def _ours(desired: Federation, provider: Json | None) -> str | None:
    """Return the description of an active provider that is ours."""
    description: str = (provider or {}).get("description", "")
    return description if is_active(provider) and desired.owns(description) else None


def _drift(desired: Federation, provider: Json, previous: Federation | None) -> Fields:
    """Return the fields of the provider that differ from what is wanted, with the values that they should have."""
    wanted = _fields(desired, provider, previous)
    if desired.phase is Phase.OPEN and is_active(provider):
        wanted["attributeCondition"] = union(provider.get("attributeCondition", ""), desired.provider.condition)
        wanted["attributeMapping"] = {**provider.get("attributeMapping", {}), **desired.provider.mapping}
    return differing(provider, wanted)


def _fields(desired: Federation, provider: Json | None, previous: Federation | None) -> Json:
    said = previous.provider.disabled if previous and previous.id == desired.id else None
    before = said or (provider is not None and not is_active(provider))  # one that comes back was disabled by no person
    return {
        "displayName": desired.provider.display_name,
        "description": described(provider, desired.marker, desired.provider.description),
        "aws": {"accountId": desired.provider.aws_account},
        "attributeMapping": dict(desired.provider.mapping),
        "attributeCondition": desired.provider.condition,
        **switched(desired.provider.disabled, before),
    }
