"""IAM v1: workload identity pools and providers. Every write answers with a long-running operation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.google.errors import invalid_argument
from local.google.federation.pools import Pool, Provider
from local.google.federation.soft_deletion import SoftDeletable
from local.google.http.methods import Call, Json, Method, mask, page

POOLS = "/v1/projects/{project}/locations/global/workloadIdentityPools"
POOL = POOLS + "/{pool}"
AUDITED = "google.iam.v1.WorkloadIdentityPools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The methods of pools or of providers: `name` is the resource's in audit logs, `key` the collection's in JSON.

    `path` is where it lies and `item` what one of it is called there; `undeletable` finds one that may come back.
    """

    name: str
    key: str
    path: str
    item: str
    create: Callable[[Call, str], SoftDeletable]
    all: Callable[[Call], Sequence[SoftDeletable]]
    find: Callable[[Call], SoftDeletable]
    undeletable: Callable[[Call], SoftDeletable]

    def methods(self) -> list[Method]:
        """What the API offers, each with its name in audit logs."""
        one = f"{self.path}/{{{self.item}}}"
        polled = "google.longrunning.Operations.GetOperation"
        return [
            Method("POST", self.path, f"{AUDITED}.Create{self.name}", self._create),
            Method("GET", self.path, f"{AUDITED}.List{self.name}s", self._list),
            Method("POST", f"{one}:undelete", f"{AUDITED}.Undelete{self.name}", self._undelete),
            Method("GET", one, f"{AUDITED}.Get{self.name}", self._get),
            Method("PATCH", one, f"{AUDITED}.Update{self.name}", self._patch),
            Method("DELETE", one, f"{AUDITED}.Delete{self.name}", self._delete),
            Method("GET", f"{one}/operations/{{operation}}", polled, self._poll),
        ]

    def _create(self, call: Call) -> Json:
        self._require(call, "create")
        return _started(call, self.create(call, call.query.get(f"{self.key[:-1]}Id", "")))

    def _list(self, call: Call) -> Json:
        self._require(call, "list")
        deleted = call.query.get("showDeleted", "").lower() == "true"
        shown = [one.json() for one in self.all(call) if deleted or one.expires is None]
        return page(call, self.key, shown, default=50, most=1000)

    def _get(self, call: Call) -> Json:
        self._require(call, "get")
        return self.find(call).json()

    def _patch(self, call: Call) -> Json:
        self._require(call, "update")
        one, names = self.find(call), mask(call)
        if not names:
            raise invalid_argument("update_mask is required.")
        one.require_active()
        one.patch(call.body, names)
        return _started(call, one)

    def _delete(self, call: Call) -> Json:
        self._require(call, "delete")
        one = self.find(call)
        one.delete()
        return _started(call, one)

    def _undelete(self, call: Call) -> Json:
        self._require(call, "undelete")
        one = self.undeletable(call)
        one.undelete()
        return _started(call, one)

    def _poll(self, call: Call) -> Json:
        self._require(call, "get")
        return call.cloud.operations.poll(f"{self.find(call).name}/operations/{call.path['operation']}")

    def _require(self, call: Call, verb: str) -> None:
        parts = [call.project.resource, "locations/global/workloadIdentityPools"]
        if "pool" in call.path:
            parts.append(call.path["pool"])
        if "provider" in call.path:
            parts += ["providers", call.path["provider"]]
        call.entry.resource = "/".join(parts)
        call.require(f"iam.{self.key}.{verb}", call.project.resource)


def _started(call: Call, one: SoftDeletable) -> Json:
    return call.cloud.operations.start(f"{one.name}/operations/", one.json())


def _pool(call: Call) -> Pool:
    return call.cloud.pools.get(call.project, call.path["pool"])


def _active_pool(call: Call) -> Pool:
    pool = _pool(call)
    pool.require_active()
    return pool


def _providers(call: Call) -> list[Provider]:
    return sorted(_pool(call).providers.values(), key=lambda provider: provider.name)


METHODS = [
    *Collection(
        name="WorkloadIdentityPool",
        key="workloadIdentityPools",
        path=POOLS,
        item="pool",
        create=lambda call, pool_id: call.cloud.pools.create(call.project, pool_id, call.body),
        all=lambda call: call.cloud.pools.list(call.project),
        find=_pool,
        undeletable=_pool,
    ).methods(),
    *Collection(
        name="WorkloadIdentityPoolProvider",
        key="workloadIdentityPoolProviders",
        path=f"{POOL}/providers",
        item="provider",
        create=lambda call, provider_id: _pool(call).create_provider(provider_id, call.body),
        all=_providers,
        find=lambda call: _pool(call).provider(call.path["provider"]),
        undeletable=lambda call: _active_pool(call).provider(call.path["provider"]),
    ).methods(),
]
