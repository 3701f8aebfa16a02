"""Google's rules for identifiers, applied at synth, where the mistake is still one line away."""

import re


class InvalidName(ValueError):
    """An identifier that Google would refuse; the message gives its rule."""


def pool(value: str) -> str:
    """A workload identity pool's ID: 4-32 of a-z, 0-9 and '-', not starting with 'gcp-'."""
    return _pool_or_provider("pool", value)


def provider(value: str) -> str:
    """A pool provider's ID: the same rule as a pool's."""
    return _pool_or_provider("provider", value)


def service_account(value: str) -> str:
    """A service account's ID: 6-30 of a-z, 0-9 and '-', a letter first, no '-' last."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", value):
        raise InvalidName(
            f"Service account name {value!r}: Google takes 6-30 lower-case letters, digits and '-', starting with a "
            "letter and not ending in '-'. A good one reads <source>-<service>-<verb>: aws-bq-reader."
        )
    return value


def service_account_email(account: str, project: str) -> str:
    """Its address; a project of a domain, `example.com:data`, is turned around in it: `data.example.com`."""
    return f"{account}@{'.'.join(reversed(project.split(':')))}.iam.gserviceaccount.com"


def _pool_or_provider(kind: str, value: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{4,32}", value) or value.startswith("gcp-"):
        raise InvalidName(
            f"{kind} ID {value!r}: Google takes 4-32 lower-case letters, digits and '-', and keeps the prefix 'gcp-' "
            f'for itself. Give a shorter one: GcpFederation(..., {kind}="...").'
        )
    return value
