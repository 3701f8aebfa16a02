"""IAM v1: custom roles of a project, and a look at the predefined ones."""

from local.google.errors import not_found
from local.google.methods import Call, Json, Method, mask, message, page
from local.google.roles import PREDEFINED

ROLES = "/v1/projects/{project}/roles"
ROLE = ROLES + "/{role}"


def _role(call: Call, verb: str) -> str:
    call.require(f"iam.roles.{verb}", call.project.resource)
    call.entry.resource = f"projects/{call.project.id}/roles/{call.path['role']}"
    return call.entry.resource


def create(call: Call) -> Json:
    """projects.roles.create"""
    call.require("iam.roles.create", call.project.resource)
    role_id, body = str(call.body.get("roleId", "")), message(call.body, "role")
    role = call.cloud.custom_roles.create(call.project.id, role_id, body)
    call.entry.resource = role.name
    return role.json()


def get(call: Call) -> Json:
    """projects.roles.get"""
    return call.cloud.custom_roles.get(_role(call, "get")).json()


def list_roles(call: Call) -> Json:
    """projects.roles.list"""
    call.require("iam.roles.list", call.project.resource)
    deleted = call.query.get("showDeleted", "").lower() == "true"
    roles = call.cloud.custom_roles.list(call.project.id, deleted=deleted)
    full = call.query.get("view") == "FULL"
    return page(call, "roles", [role.json(full=full) for role in roles], default=300, most=1000)


def patch(call: Call) -> Json:
    """projects.roles.patch"""
    return call.cloud.custom_roles.patch(_role(call, "update"), call.body, mask(call)).json()


def delete(call: Call) -> Json:
    """projects.roles.delete"""
    return call.cloud.custom_roles.set_deleted(_role(call, "delete"), True, call.query.get("etag")).json()


def undelete(call: Call) -> Json:
    """projects.roles.undelete"""
    return call.cloud.custom_roles.set_deleted(_role(call, "undelete"), False, call.body.get("etag")).json()


def get_predefined(call: Call) -> Json:
    """roles.get: anyone may read what a predefined role allows."""
    name = call.entry.resource = f"roles/{call.path['role']}"
    if name not in PREDEFINED:
        raise not_found(f"The role named {name} was not found.")
    return {"name": name, "includedPermissions": sorted(PREDEFINED[name].permissions), "stage": "GA", "etag": "AA=="}


AUDITED = "google.iam.admin.v1."
METHODS = [
    Method("POST", ROLES, AUDITED + "CreateRole", create),
    Method("GET", ROLES, AUDITED + "ListRoles", list_roles),
    Method("POST", ROLE + ":undelete", AUDITED + "UndeleteRole", undelete),
    Method("GET", ROLE, AUDITED + "GetRole", get),
    Method("PATCH", ROLE, AUDITED + "UpdateRole", patch),
    Method("DELETE", ROLE, AUDITED + "DeleteRole", delete),
    Method("GET", "/v1/roles/{role}", AUDITED + "GetRole", get_predefined),
]
