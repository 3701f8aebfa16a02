"""getIamPolicy, setIamPolicy and testIamPermissions, which every kind of resource answers in the same way."""

from collections.abc import Sequence

from local.google.errors import invalid_argument
from local.google.http import audit_configs
from local.google.http.bodies import message, strings
from local.google.http.methods import Call, Json, mask
from local.google.iam.policy_documents import changed_roles, shown
from local.google.iam.roles.definition import PROJECT
from local.google.iam.roles.predefined import PERMISSIONS


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
    return replace_policy(call, kind, resource, document)


def set_project_policy(call: Call, permission: str, resource: str) -> Json:
    """Replace what updateMask names of a project's policy: by default its bindings, and not its audit configs.

    The caller's own role may be bounded by a condition on the grants that change, of which a change of audit configs
    is none. That attribute exists for a project's policy only: elsewhere no grant counts as modified.
    """
    call.require(permission, resource)
    document, before = message(call.body, "policy"), call.cloud.policies.get(resource)
    fields = set(mask(call)) or {"bindings"}
    if fields - {"auditConfigs", "bindings", "etag", "version"}:
        raise invalid_argument("Invalid value at 'update_mask': only bindings, etag, version and audit_configs are.")
    documents, bindings, audit = call.cloud.documents, list(before.bindings), None
    if "bindings" in fields:
        bindings = documents.read(document, PROJECT)
    if "auditConfigs" in fields:
        audit = audit_configs.read(document.get("auditConfigs") or [], documents.require_member)
    changed = changed_roles(before.bindings, bindings)
    call.require(permission, resource, modified_roles=frozenset(changed))
    return shown(call.cloud.policies.set(resource, bindings, document.get("etag"), audit), 3)


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
