"""What a predefined role is, and on which kinds of resource one can be granted."""

from dataclasses import dataclass

PROJECT, ACCOUNT, DATASET, TABLE = "project", "serviceAccount", "dataset", "table"
BUCKET, TOPIC, SECRET = "bucket", "topic", "secret"
# https://cloud.google.com/iam/docs/resource-types-with-conditional-roles
WITHOUT_CONDITIONS = (TOPIC, TABLE)


@dataclass(frozen=True, slots=True)
class Role:
    """What a predefined role allows, and on which kinds of resource it can be granted."""

    permissions: frozenset[str]
    grantable_on: frozenset[str]


def role(permissions: frozenset[str], *kinds: str) -> Role:
    """A role that can be granted on `kinds`, or on projects alone."""
    return Role(permissions, frozenset(kinds or (PROJECT,)))


def names(prefix: str, verbs: str) -> frozenset[str]:
    """The permissions `prefix.verb`."""
    return frozenset(f"{prefix}.{verb}" for verb in verbs.split())
