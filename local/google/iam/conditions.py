"""Conditions of IAM bindings: compiled when a policy is set, evaluated when a permission is checked."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from keyless_federation.conditions import cel

MODIFIED_GRANTS = "iam.googleapis.com/modifiedGrantsByRole"
# https://cloud.google.com/iam/docs/setting-limits-on-granting-roles
MAX_ROLES = 10

STRINGS = cel.STRING_LIST
ANY_RESOURCE = {"name": "", "type": "", "service": ""}
# Neither pools nor service accounts nor topics are among them.
# https://cloud.google.com/iam/docs/conditions-resource-attributes
TYPES = [
    (re.compile(r"projects/_/buckets/[^/]+"), "storage.googleapis.com/Bucket"),
    (re.compile(r"projects/_/buckets/[^/]+/objects/.+", re.DOTALL), "storage.googleapis.com/Object"),
    (re.compile(r"projects/[^/]+/datasets/[^/]+"), "bigquery.googleapis.com/Dataset"),
    (re.compile(r"projects/[^/]+/datasets/[^/]+/tables/[^/]+"), "bigquery.googleapis.com/Table"),
    (re.compile(r"projects/[^/]+/secrets/[^/]+"), "secretmanager.googleapis.com/Secret"),
    (re.compile(r"projects/[^/]+"), "cloudresourcemanager.googleapis.com/Project"),
]


def _get_attribute(api: Mapping[str, list[str]], name: str, default: list[str]) -> list[str]:
    return api.get(name, default)


def _has_only(values: Collection[str], allowed: Collection[str]) -> bool:
    if len(allowed) > MAX_ROLES:
        raise ValueError(f"hasOnly() takes at most {MAX_ROLES} values, not {len(allowed)}")
    return set(values) <= set(allowed)


ENV = cel.environment(
    {"api": cel.STRING_LISTS, "resource": cel.STRING_MAP, "request.time": cel.TIMESTAMP},
    cel.member("getAttribute", STRINGS, [cel.STRING_LISTS, cel.STRING, STRINGS], _get_attribute),
    cel.member("hasOnly", cel.BOOL, [STRINGS, STRINGS], _has_only),
)


@lru_cache(maxsize=256)
def compiled(expression: str) -> cel.Program:
    """The compiled condition; raises `cel.CompileError`."""
    return cel.Program.compile(ENV, expression, cel.BOOL)


def holds(expression: str, resource: str, modified_roles: Collection[str] = ()) -> bool:
    """Whether a binding's condition holds; one that cannot be evaluated does not."""
    try:
        return evaluate(expression, attributes(resource), modified_roles)
    except (cel.CompileError, cel.EvaluationError):
        return False


def attributes(resource: str) -> dict[str, str]:
    """What a condition may ask of a resource: nothing at all for kinds that Google does not list."""
    kind = next((kind for pattern, kind in TYPES if pattern.fullmatch(resource)), None)
    return {"name": resource, "type": kind, "service": kind.partition("/")[0]} if kind else {}


def evaluate(expression: str, resource: Mapping[str, str], modified_roles: Collection[str]) -> bool:
    """The condition's value for a call on a resource of these attributes that changes grants of `modified_roles`."""
    value: bool = compiled(expression).evaluate(
        {
            "api": {MODIFIED_GRANTS: sorted(modified_roles)},
            "resource": dict(resource),
            "request.time": datetime.now(UTC),
        }
    )
    return value
