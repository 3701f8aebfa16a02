"""What an adopted account had before is not ours to take away: its marker remembers it.

A marker has little room, so it holds a short digest of each binding that was found and is wanted, too; where there
are too many, everything that the account has stays.
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256

from keyless_federation.actual import Actual
from keyless_federation.model.bindings import Binding
from keyless_federation.model.fields import Json
from keyless_federation.model.kinds import SERVICE_ACCOUNT
from keyless_federation.model.ownership import EVERYTHING, Marker
from keyless_federation.model.targets import Target
from keyless_federation.policies.policies import bindings_on

DIGEST = 4  # characters of 6 bits


def had(gives: Mapping[Target, set[Binding]], policies: Mapping[Target, Json | None], email: str) -> str:
    """Of what is to be given to an account, and on it, that which is there already: as its marker remembers it."""
    found = {
        _digest(on, binding)
        for on, wanted in gives.items()
        for binding in wanted & bindings_on(on, policies.get(on) or {})
        if email in _accounts(on, binding)
    }
    return "".join(sorted(found))


def theirs(actual: Actual, on: Target, bindings: Iterable[Binding]) -> set[Binding]:
    """Those of the bindings that an adopted account had before."""
    return {found for found in bindings if any(_kept(actual, on, found, email) for email in _accounts(on, found))}


def _kept(actual: Actual, on: Target, binding: Binding, email: str) -> bool:
    marker = Marker.find(actual.accounts.get(email, {}).get("description"))
    if marker is None or email not in actual.adopted:
        return False
    digests = {marker.kept[start : start + DIGEST] for start in range(0, len(marker.kept), DIGEST)}
    return marker.kept == EVERYTHING or _digest(on, binding) in digests


def _accounts(on: Target, binding: Binding) -> set[str]:
    """The service accounts that a binding is on or about."""
    kind, _, member = binding.member.partition(":")
    about = {member} if kind == "serviceAccount" else set()
    return about | ({on.id} if on.kind is SERVICE_ACCOUNT else set())


def _digest(on: Target, binding: Binding) -> str:
    said = f"{on.name} {binding.role} {binding.member} {binding.condition or ''}"
    return urlsafe_b64encode(sha256(said.encode()).digest())[:DIGEST].decode()
