"""getIamPolicy, setIamPolicy and testIamPermissions, which every kind of resource answers in the same way."""

from local.google.errors import invalid_argument
from local.google.methods import Call, Json
from local.google.policy_documents import changed_roles, shown
from local.google.roles import PERMISSIONS


def get_policy(call: Call, permission: str, resource: str, *parents: str) -> Json:
    """The resource's policy, in the version that was asked for."""
    call.require(permission, resource, *parents)
    options = call.body.get("options") or {}
    asked = call.query.get("options.requestedPolicyVersion") or options.get("requestedPolicyVersion") or 0
    return shown(call.cloud.policies.get(resource), int(asked))


def set_policy(call: Call, permission: str, kind: str, resource: str, *parents: str) -> Json:
    """Replace the resource's policy; a condition on the caller's own role may bound which grants may change."""
    call.entry.resource = resource
    # Whoever lacks the permission altogether learns nothing about the policy's faults.
    call.require(permission, resource, *parents)
    document = call.body.get("policy")
    bindings = call.cloud.documents.read(document, kind)
    changed = changed_roles(call.cloud.policies.get(resource).bindings, bindings)
    call.require(permission, resource, *parents, modified_roles=frozenset(changed))
    return shown(call.cloud.policies.set(resource, bindings, document.get("etag") if document else None), 3)


def test_permissions(call: Call, *resources: str) -> Json:
    """Those of the asked permissions that the caller holds."""
    asked = call.body.get("permissions", [])
    for permission in asked:
        if permission not in PERMISSIONS:
            raise invalid_argument(f"Permission {permission} is not valid for this resource.")
    call.entry.resource = resources[0]
    held = [p for p in asked if call.cloud.access.allowed(call.principal, p, *resources)]
    return {"permissions": held} if held else {}
