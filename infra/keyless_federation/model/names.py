"""Google's rules for identifiers, applied at synth, where the mistake is still one line away."""

from keyless_federation.errors import FederationError
from keyless_federation.model.disclosure import described
from keyless_federation.model.rules import ACCOUNT_NAME, POOL_ID


class InvalidNameError(FederationError, ValueError):
    """An identifier that Google would refuse; the message gives its rule."""


def pool_or_provider(kind: str, value: str) -> str:
    """Return `value` if it can be the ID of a pool or a provider, as `kind` says."""
    if not POOL_ID.accepts(value):
        raise InvalidNameError(
            f"{kind} ID {described(value)}: Google takes {POOL_ID.meaning} (that prefix it keeps for itself). "
            f'Give a shorter one: GcpFederation(..., {kind}="...").'
        )
    return value


def service_account(value: str) -> str:
    """Return `value` if it can be the ID of a service account."""
    if not ACCOUNT_NAME.accepts(value):
        raise InvalidNameError(
            f"Service account name {described(value)}: Google takes {ACCOUNT_NAME.meaning}. "
            "A good one reads <source>-<service>-<verb>: aws-bq-reader."
        )
    return value
