"""Cloud Resource Manager v1 and v3: projects and their policies."""

from local.google.errors import caller_lacks_permission
from local.google.http.methods import Call, Json, Method, page
from local.google.http.policy_methods import get_policy, set_project_policy, test_permissions
from local.google.projects import Project


def _v1(project: Project) -> Json:
    return {
        "projectNumber": project.number,
        "projectId": project.id,
        "lifecycleState": "ACTIVE",
        "name": project.id,
        "createTime": project.created,
    }


def _v3(project: Project) -> Json:
    return {
        "name": f"projects/{project.number}",
        "projectId": project.id,
        "state": "ACTIVE",
        "displayName": project.id,
        "createTime": project.created,
        "updateTime": project.created,
        "etag": 'W/"0"',
    }


def _readable(call: Call) -> Project:
    call.entry.resource = call.project.resource
    if not call.cloud.access.allowed(call.principal, "resourcemanager.projects.get", call.project.resource):
        raise caller_lacks_permission()
    return call.project


def _listable(call: Call) -> list[Project]:
    held = call.cloud.access.allowed
    return [p for p in call.cloud.projects.all() if held(call.principal, "resourcemanager.projects.get", p.resource)]


def get_v1(call: Call) -> Json:
    """v1 projects.get"""
    return _v1(_readable(call))


def get_v3(call: Call) -> Json:
    """v3 projects.get"""
    return _v3(_readable(call))


def get_ancestry(call: Call) -> Json:
    """v1 projects.getAncestry: projects here stand alone."""
    return {"ancestor": [{"resourceId": {"type": "project", "id": _readable(call).id}}]}


def list_v1(call: Call) -> Json:
    """v1 projects.list"""
    return page(call, "projects", [_v1(project) for project in _listable(call)], default=500, most=1000)


def search_v3(call: Call) -> Json:
    """v3 projects.search"""
    return page(call, "projects", [_v3(project) for project in _listable(call)], default=500, most=1000)


def get_iam_policy(call: Call) -> Json:
    """projects.getIamPolicy"""
    return get_policy(call, "resourcemanager.projects.getIamPolicy", call.project.resource)


def set_iam_policy(call: Call) -> Json:
    """projects.setIamPolicy"""
    return set_project_policy(call, "resourcemanager.projects.setIamPolicy", call.project.resource)


def test_iam_permissions(call: Call) -> Json:
    """projects.testIamPermissions"""
    return test_permissions(call, call.project.resource)


def _methods(version: str, get: Method, listing: Method) -> list[Method]:
    project = f"/{version}/projects/{{project}}"
    return [
        Method("POST", project + ":getIamPolicy", "GetIamPolicy", get_iam_policy),
        Method("POST", project + ":setIamPolicy", "SetIamPolicy", set_iam_policy),
        Method("POST", project + ":testIamPermissions", "TestIamPermissions", test_iam_permissions),
        listing,
        get,
    ]


METHODS = [
    Method("POST", "/v1/projects/{project}:getAncestry", "GetAncestry", get_ancestry),
    *_methods(
        "v1",
        Method("GET", "/v1/projects/{project}", "GetProject", get_v1),
        Method("GET", "/v1/projects", "ListProjects", list_v1),
    ),
    *_methods(
        "v3",
        Method("GET", "/v3/projects/{project}", "GetProject", get_v3),
        Method("GET", "/v3/projects:search", "SearchProjects", search_v3),
    ),
]
