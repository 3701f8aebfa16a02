"""How a provider goes: ours is deleted; an adopted one ends its trust first, and is nobody's again last of all."""

from keyless_federation.google.pools import is_active
from keyless_federation.google.providers import DeleteProvider, MarkProvider, PatchProvider
from keyless_federation.google.step import Step
from keyless_federation.model.condition import without
from keyless_federation.model.federation import Federation
from keyless_federation.model.fields import Json
from keyless_federation.model.ownership import Marker, is_adopted, text_of

ENDED = "-"  # in the marker of an adopted provider: its trust has ended, what we gave may still be there


def plan_provider_removal(desired: Federation, provider: Json | None) -> list[Step]:
    """What ends the trust, if the provider is ours; an adopted one lets in whom it let in besides our roles."""
    description = _ours(desired, provider)
    if provider is None or description is None:
        return []
    if not is_adopted(description):
        return [DeleteProvider(desired)]
    if (marker := Marker.find(description)) and marker.kept:
        return []
    rest = without(provider.get("attributeCondition", ""), desired.provider.condition)
    ended = desired.marker.on_adopted(ENDED).description(text_of(description))
    return [PatchProvider(desired, (("description", ended), ("attributeCondition", rest)), "let go of")]


def plan_provider_release(desired: Federation, provider: Json | None) -> list[Step]:
    """What takes our marker off an adopted provider; until then it tells that direct grants are ours to take away."""
    description = _ours(desired, provider)
    if description is None or not is_adopted(description):
        return []
    return [MarkProvider(desired, (("description", text_of(description)),), "let go of")]


def _ours(desired: Federation, provider: Json | None) -> str | None:
    """The description of an active provider that is ours."""
    description: str = (provider or {}).get("description", "")
    return description if is_active(provider) and desired.owns(description) else None
