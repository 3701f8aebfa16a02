"""IAM v1: workload identity pools and providers. Every write answers with a long-running operation."""

from local.google.errors import invalid_argument
from local.google.methods import Call, Json, Method, mask, page
from local.google.pools import Described, Pool, Provider

POOLS = "/v1/projects/{project}/locations/global/workloadIdentityPools"
POOL = POOLS + "/{pool}"
PROVIDERS = POOL + "/providers"
PROVIDER = PROVIDERS + "/{provider}"


def _require(call: Call, verb: str, kind: str = "workloadIdentityPools") -> None:
    parts = [call.project.resource, "locations/global/workloadIdentityPools"]
    if "pool" in call.path:
        parts.append(call.path["pool"])
    if "provider" in call.path:
        parts += ["providers", call.path["provider"]]
    call.entry.resource = "/".join(parts)
    call.require(f"iam.{kind}.{verb}", call.project.resource)


def _require_provider(call: Call, verb: str) -> None:
    _require(call, verb, "workloadIdentityPoolProviders")


def _pool(call: Call) -> Pool:
    return call.cloud.pools.get(call.project, call.path["pool"])


def _provider(call: Call) -> Provider:
    return _pool(call).provider(call.path["provider"])


def _started(call: Call, thing: Described) -> Json:
    return call.cloud.operations.start(f"{thing.name}/operations/", thing.json())


def _patched(call: Call, thing: Described) -> Json:
    names = mask(call)
    if not names:
        raise invalid_argument("update_mask is required.")
    thing.require_active()
    thing.patch(call.body, names)
    return _started(call, thing)


def _listed(call: Call, key: str, things: list[Described]) -> Json:
    deleted = call.query.get("showDeleted", "").lower() == "true"
    shown = [thing.json() for thing in things if deleted or thing.expires is None]
    return page(call, key, shown, default=50, most=1000)


def create_pool(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.create"""
    _require(call, "create")
    return _started(
        call, call.cloud.pools.create(call.project, call.query.get("workloadIdentityPoolId", ""), call.body)
    )


def get_pool(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.get"""
    _require(call, "get")
    return _pool(call).json()


def list_pools(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.list"""
    _require(call, "list")
    return _listed(call, "workloadIdentityPools", list(call.cloud.pools.list(call.project)))


def patch_pool(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.patch"""
    _require(call, "update")
    return _patched(call, _pool(call))


def delete_pool(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.delete"""
    _require(call, "delete")
    pool = _pool(call)
    pool.delete()
    return _started(call, pool)


def undelete_pool(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.undelete"""
    _require(call, "undelete")
    pool = _pool(call)
    pool.undelete()
    return _started(call, pool)


def create_provider(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.create"""
    _require_provider(call, "create")
    return _started(call, _pool(call).create_provider(call.query.get("workloadIdentityPoolProviderId", ""), call.body))


def get_provider(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.get"""
    _require_provider(call, "get")
    return _provider(call).json()


def list_providers(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.list"""
    _require_provider(call, "list")
    providers = sorted(_pool(call).providers.values(), key=lambda provider: provider.name)
    return _listed(call, "workloadIdentityPoolProviders", list(providers))


def patch_provider(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.patch"""
    _require_provider(call, "update")
    return _patched(call, _provider(call))


def delete_provider(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.delete"""
    _require_provider(call, "delete")
    provider = _provider(call)
    provider.delete()
    return _started(call, provider)


def undelete_provider(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.undelete"""
    _require_provider(call, "undelete")
    _pool(call).require_active()
    provider = _provider(call)
    provider.undelete()
    return _started(call, provider)


def get_pool_operation(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.operations.get"""
    _require(call, "get")
    return call.cloud.operations.poll(f"{_pool(call).name}/operations/{call.path['operation']}")


def get_provider_operation(call: Call) -> Json:
    """projects.locations.workloadIdentityPools.providers.operations.get"""
    _require_provider(call, "get")
    return call.cloud.operations.poll(f"{_provider(call).name}/operations/{call.path['operation']}")


AUDITED = "google.iam.v1.WorkloadIdentityPools."
METHODS = [
    Method("POST", POOLS, AUDITED + "CreateWorkloadIdentityPool", create_pool),
    Method("GET", POOLS, AUDITED + "ListWorkloadIdentityPools", list_pools),
    Method("POST", POOL + ":undelete", AUDITED + "UndeleteWorkloadIdentityPool", undelete_pool),
    Method("GET", POOL, AUDITED + "GetWorkloadIdentityPool", get_pool),
    Method("PATCH", POOL, AUDITED + "UpdateWorkloadIdentityPool", patch_pool),
    Method("DELETE", POOL, AUDITED + "DeleteWorkloadIdentityPool", delete_pool),
    Method("GET", POOL + "/operations/{operation}", "google.longrunning.Operations.GetOperation", get_pool_operation),
    Method("POST", PROVIDERS, AUDITED + "CreateWorkloadIdentityPoolProvider", create_provider),
    Method("GET", PROVIDERS, AUDITED + "ListWorkloadIdentityPoolProviders", list_providers),
    Method("POST", PROVIDER + ":undelete", AUDITED + "UndeleteWorkloadIdentityPoolProvider", undelete_provider),
    Method("GET", PROVIDER, AUDITED + "GetWorkloadIdentityPoolProvider", get_provider),
    Method("PATCH", PROVIDER, AUDITED + "UpdateWorkloadIdentityPoolProvider", patch_provider),
    Method("DELETE", PROVIDER, AUDITED + "DeleteWorkloadIdentityPoolProvider", delete_provider),
    Method(
        "GET",
        PROVIDER + "/operations/{operation}",
        "google.longrunning.Operations.GetOperation",
        get_provider_operation,
    ),
]
