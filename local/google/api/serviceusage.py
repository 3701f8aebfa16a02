"""Service Usage v1: which APIs a project has enabled."""

from collections.abc import Sequence

from local.google.errors import GoogleError, error_info, invalid_argument
from local.google.http.bodies import strings
from local.google.http.methods import Call, Json, Method, page
from local.google.projects import CATALOGUE, Project

SERVICES = "/v1/projects/{project}/services"
SERVICE = SERVICES + "/{service}"
MAX_BATCH = 20
STARTED = "operations/acat.p2-"


def _state(project: Project, name: str) -> Json:
    return {
        "name": f"projects/{project.number}/services/{name}",
        "config": {"name": name, "title": CATALOGUE[name]},
        "state": "ENABLED" if name in project.enabled else "DISABLED",
        "parent": f"projects/{project.number}",
    }


def _require_known(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown:
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Not found or permission denied for service(s): {', '.join(unknown)}.",
            error_info(
                "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
                "serviceusage.googleapis.com",
                services=",".join(unknown),
            ),
        )


def _require(call: Call, verb: str, names: Sequence[str]) -> None:
    call.entry.resource = f"{call.project.resource}/services/{','.join(names)}"
    if not call.cloud.access.allowed(call.principal, f"serviceusage.services.{verb}", call.project.resource):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Permission denied to {verb} service [{', '.join(names)}]",
            error_info("AUTH_PERMISSION_DENIED", "serviceusage.googleapis.com"),
        )
    _require_known(names)


def _started(call: Call, response: Json) -> Json:
    return call.cloud.operations.start(f"{STARTED}{call.project.number}-", response)


def batch_enable(call: Call) -> Json:
    """services.batchEnable"""
    names = strings(call.body, "serviceIds")
    if not names or len(names) > MAX_BATCH:
        raise invalid_argument(f"Between 1 and {MAX_BATCH} services can be enabled at once.")
    _require(call, "enable", names)
    call.project.enabled.update(names)
    return _started(call, {"services": [_state(call.project, name) for name in names]})


def enable(call: Call) -> Json:
    """services.enable"""
    name = call.path["service"]
    _require(call, "enable", [name])
    call.project.enabled.add(name)
    return _started(call, {"service": _state(call.project, name)})


def disable(call: Call) -> Json:
    """services.disable"""
    name = call.path["service"]
    _require(call, "disable", [name])
    call.project.enabled.discard(name)
    return _started(call, {"service": _state(call.project, name)})


def get(call: Call) -> Json:
    """services.get"""
    name = call.path["service"]
    _require(call, "get", [name])
    return _state(call.project, name)


def batch_get(call: Call) -> Json:
    """services.batchGet"""
    names = [name.rpartition("/")[2] for name in call.query.getlist("names")]
    _require(call, "get", names)
    return {"services": [_state(call.project, name) for name in names]}


def list_services(call: Call) -> Json:
    """services.list"""
    _require(call, "list", ())
    wanted = call.query.get("filter", "").removeprefix("state:").removeprefix("state=")
    states = [_state(call.project, name) for name in sorted(CATALOGUE)]
    return page(call, "services", [s for s in states if not wanted or s["state"] == wanted], default=50, most=200)


def get_operation(call: Call) -> Json:
    """operations.get"""
    name = f"operations/{call.path['operation']}"
    project = call.cloud.projects.find(name.removeprefix(STARTED).rpartition("-")[0])
    call.require("serviceusage.operations.get", project.resource if project else name)
    call.entry.resource = name
    return call.cloud.operations.poll(name)


AUDITED = "google.api.serviceusage.v1.ServiceUsage."
METHODS = [
    Method("POST", SERVICES + ":batchEnable", AUDITED + "BatchEnableServices", batch_enable),
    Method("GET", SERVICES + ":batchGet", AUDITED + "BatchGetServices", batch_get),
    Method("GET", SERVICES, AUDITED + "ListServices", list_services),
    Method("POST", SERVICE + ":enable", AUDITED + "EnableService", enable),
    Method("POST", SERVICE + ":disable", AUDITED + "DisableService", disable),
    Method("GET", SERVICE, AUDITED + "GetService", get),
    Method("GET", "/v1/operations/{operation}", "google.longrunning.Operations.GetOperation", get_operation),
]
