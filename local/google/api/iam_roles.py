"""IAM v1: custom roles of a project, a look at the predefined ones, and what can be granted where."""

import re

from local.google.errors import caller_lacks_permission, invalid_argument, not_found
from local.google.http.bodies import message
from local.google.http.methods import Call, Json, Method, mask, page
from local.google.iam.roles.definition import ACCOUNT, PROJECT
from local.google.iam.roles.predefined import NOT_IN_PROJECT_ROLES, PERMISSIONS, PREDEFINED
from local.google.projects import Project

ROLES = "/v1/projects/{project}/roles"
ROLE = ROLES + "/{role}"
# gcloud makes the name of the endpoint that it was pointed at: a loopback address stands for googleapis.com here.
FULL_NAME = re.compile(
    r"//(?:cloudresourcemanager\.googleapis\.com|127\.0\.0\.1:\d+/cloudresourcemanager)/projects/(?P<project>[^/]+)"
    r"|//(?:iam\.googleapis\.com|127\.0\.0\.1:\d+/iam)/projects/(?P<owner>[^/]+)/serviceAccounts/[^/]+"
)


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
    return _predefined(name, full=True)


def list_predefined(call: Call) -> Json:
    """roles.list"""
    full = call.query.get("view") == "FULL"
    return page(call, "roles", [_predefined(name, full=full) for name in sorted(PREDEFINED)], default=300, most=1000)


def query_grantable(call: Call) -> Json:
    """roles.queryGrantableRoles: predefined and custom roles that the resource takes."""
    project, kind = _full_name(call)
    names = [name for name, role in sorted(PREDEFINED.items()) if kind in role.grantable_on]
    roles = [_predefined(name, full=False) for name in names]
    roles += [role.json(full=False) for role in call.cloud.custom_roles.list(project.id, deleted=False)]
    return page(call, "roles", roles, default=300, most=1000)


def query_testable(call: Call) -> Json:
    """permissions.queryTestablePermissions: what there is to be allowed on the resource."""
    _full_name(call)
    shown: list[Json] = [{"name": name, "stage": "GA", **_support(name)} for name in sorted(PERMISSIONS)]
    return page(call, "permissions", shown, default=100, most=1000)


def _support(permission: str) -> Json:
    """Google leaves out the default, which is full support in custom roles."""
    return {"customRolesSupportLevel": "NOT_SUPPORTED"} if permission in NOT_IN_PROJECT_ROLES else {}


def _full_name(call: Call) -> tuple[Project, str]:
    """The project and the kind of the resource whose full name the body gives."""
    match = FULL_NAME.fullmatch(str(call.body.get("fullResourceName", "")))
    if not match:
        raise invalid_argument("Invalid full resource name: only those of projects and service accounts are known.")
    project = call.cloud.projects.find(match["project"] or match["owner"])
    if project is None:
        raise caller_lacks_permission()
    call.entry.resource = project.resource
    return project, PROJECT if match["project"] else ACCOUNT


def _predefined(name: str, *, full: bool) -> Json:
    role = {"name": name, "title": name.rpartition("/")[2], "stage": "GA", "etag": "AA=="}
    return {**role, "includedPermissions": sorted(PREDEFINED[name].permissions)} if full else role


AUDITED = "google.iam.admin.v1."
METHODS = [
    Method("POST", ROLES, AUDITED + "CreateRole", create),
    Method("GET", ROLES, AUDITED + "ListRoles", list_roles),
    Method("POST", ROLE + ":undelete", AUDITED + "UndeleteRole", undelete),
    Method("GET", ROLE, AUDITED + "GetRole", get),
    Method("PATCH", ROLE, AUDITED + "UpdateRole", patch),
    Method("DELETE", ROLE, AUDITED + "DeleteRole", delete),
    Method("GET", "/v1/roles", AUDITED + "ListRoles", list_predefined),
    Method("POST", "/v1/roles:queryGrantableRoles", AUDITED + "QueryGrantableRoles", query_grantable),
    Method("POST", "/v1/permissions:queryTestablePermissions", AUDITED + "QueryTestablePermissions", query_testable),
    Method("GET", "/v1/roles/{role}", AUDITED + "GetRole", get_predefined),
]
