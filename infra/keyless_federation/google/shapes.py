"""The shapes of Google's answers: a 2xx of another shape comes from a proxy or a gateway, and says nothing of Google.

A shape is a type, a list of one shape, or an object of shapes by name: `?` ends the name of a field that may be
missing, since Google leaves out what is empty or false, and `*` stands for any name. Fields that nobody reads are not
looked at. The types are those of Google's discovery documents.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = type | list[Any] | Mapping[str, Any]

EMPTY: Shape = {}  # a deletion that starts no operation; a reply of this shape proves nothing
OPERATION: Shape = {
    "name": str,
    "done?": bool,
    "error?": {"code?": int, "message?": str},
    "response?": {},
}
CONDITION: Shape = {"title?": str, "description?": str, "expression": str}
POLICY: Shape = {
    "etag": str,
    "version?": int,
    "bindings?": [{"role": str, "members?": [str], "condition?": CONDITION}],
    "auditConfigs?": [{"service": str, "auditLogConfigs?": [{"logType": str, "exemptedMembers?": [str]}]}],
}
ACCESS: Shape = {"role?": str, "iamMember?": str, "userByEmail?": str, "condition?": CONDITION}
DATASET: Shape = {"etag": str, "access": [ACCESS]}
ACCOUNT: Shape = {"name": str, "email": str, "uniqueId": str, "displayName?": str, "description?": str}
POOL: Mapping[str, Shape] = {"name": str, "state": str, "displayName?": str, "description?": str, "disabled?": bool}
PROVIDER: Shape = {
    **POOL,
    "aws?": {"accountId": str},
    "attributeMapping?": {"*": str},
    "attributeCondition?": str,
}
ROLE: Shape = {
    "name": str,
    "title?": str,
    "description?": str,
    "includedPermissions?": [str],
    "deleted?": bool,
}
PROJECT: Shape = {"projectId": str, "projectNumber": str}
SERVICES: Shape = {"services": [{"name": str, "state": str}]}


def listing(key: str, shape: Shape) -> Shape:
    """One page of a list, which is `{}` where it is empty."""
    return {f"{key}?": [shape], "nextPageToken?": str}


def misfits(found: object, shape: Shape, where: str = "") -> Iterator[str]:
    """Yield what of a JSON value is not of the shape: the paths of fields, never their values."""
    if isinstance(shape, type):
        if not isinstance(found, shape) or (shape is int and isinstance(found, bool)):
            yield f"{where} is no {shape.__name__}"
    elif isinstance(shape, list):
        if not isinstance(found, list):
            yield f"{where} is no list"
            return
        for item in found:
            yield from misfits(item, shape[0], f"{where}[]")
    elif not isinstance(found, dict):
        yield f"{where or 'the answer'} is no object"
    else:
        for name, inner in shape.items():
            yield from _field_misfits(found, name, inner, where)


def _field_misfits(found: Mapping[str, object], name: str, shape: Shape, where: str) -> Iterator[str]:
    if name == "*":
        for value in found.values():
            yield from misfits(value, shape, f"{where}.*")
        return
    field = name.removesuffix("?")
    if field in found:
        yield from misfits(found[field], shape, f"{where}.{field}".lstrip("."))
    elif field == name:
        yield f"{where}.{field}".lstrip(".") + " is missing"
