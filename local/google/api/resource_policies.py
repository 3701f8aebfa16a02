"""getIamPolicy, setIamPolicy and testIamPermissions, which every kind of resource answers in the same way."""

from collections.abc import Sequence

from local.google.errors import invalid_argument
from local.google.methods import Call, Json, message, strings
from local.google.policy_documents import changed_roles, shown
from local.google.role import PROJECT
from local.google.roles import PERMISSIONS


def get_policy(call: Call, permission: str, resource: str, *parents: str) -> Json:
    """The resource's policy, in the version that was asked for."""
    call.require(permission, resource, *parents)
    asked = call.query.get("options.requestedPolicyVersion") or call.query.get("optionsRequestedPolicyVersion")
    version = asked or message(call.body, "options").get("requestedPolicyVersion") or 0
    if str(version) not in ("0", "1", "2", "3"):
        raise invalid_argument("Invalid value at 'options.requested_policy_version'.")
    return shown(call.cloud.policies.get(resource), int(version))


def set_policy(call: Call, permission: str, kind: str, resource: str, *parents: str) -> Json:
    """Replace the resource's policy; a condition on the caller's own role may bound which grants may change."""
    # Whoever lacks the permission altogether learns nothing about the policy's faults.
    call.require(permission, resource, *parents)
    document = message(call.body, "policy")
    if kind == PROJECT:
        # The attribute exists for a project's policy only: elsewhere no grant counts as modified.
        bindings = call.cloud.documents.read(document, kind)
        changed = changed_roles(call.cloud.policies.get(resource).bindings, bindings)
        call.require(permission, resource, *parents, modified_roles=frozenset(changed))
    return replace_policy(call, kind, resource, document)


def replace_policy(call: Call, kind: str, resource: str, document: Json) -> Json:
    """Replace the policy of a resource whose policy the caller may set."""
    call.entry.resource = resource
    bindings = call.cloud.documents.read(document, kind)
    return shown(call.cloud.policies.set(resource, bindings, document.get("etag")), 3)


def held_permissions(call: Call, asked: Sequence[str], *resources: str) -> Json:
    """Those of the asked permissions that the caller holds."""
    for permission in asked:
        if permission not in PERMISSIONS:
            raise invalid_argument(f"Permission {permission} is not valid for this resource.")
    call.entry.resource = resources[0]
    held = [p for p in asked if call.cloud.access.allowed(call.principal, p, *resources)]
    return {"permissions": held} if held else {}


def test_permissions(call: Call, *resources: str) -> Json:
    """testIamPermissions, as a POST of the permissions."""
    return held_permissions(call, strings(call.body, "permissions"), *resources)
