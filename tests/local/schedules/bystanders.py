"""Somebody else's things in the same projects: who was there before, and who comes while we are at work."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.google.iam.dataset_access import resource
from local.google.iam.policies import Binding, Condition
from tests.local.schedules.cloud import BUCKET, DATASETS, NUMBER, OTHER, PROJECT, TABLE, THEIR_EMAIL, TOPIC, LocalCloud
from tests.local.schedules.wishes import HOME

Json = dict[str, Any]
THEIR_MEMBER = f"serviceAccount:{THEIR_EMAIL}"
THEIR_POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/pool-theirs"
OFFICE_HOURS = Condition("office hours", "request.time < timestamp('2099-01-01T00:00:00Z')")
VIEW = {"view": {"projectId": PROJECT, "datasetId": "reports", "tableId": "monthly"}}
CONDITIONAL = {
    "role": "READER",
    "userByEmail": "alice@example.com",
    "condition": {"title": OFFICE_HOURS.title, "expression": OFFICE_HOURS.expression},
}
LOGS: tuple[Json, ...] = (
    {"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ"}]},
    {
        "service": "storage.googleapis.com",
        "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:bob@example.com"]}],
    },
)
FEDERATED = f"principalSet://iam.googleapis.com/{THEIR_POOL}/attribute.aws_role/one-role"

WATCHES = {
    "topics": "roles/pubsub.viewer",
    "buckets": "roles/storage.bucketViewer",
    "tables": "roles/bigquery.metadataViewer",
    "serviceAccounts": "roles/iam.serviceAccountUser",
    "projects": "roles/viewer",
}

Grant = tuple[str, str, str, Condition | None]


@dataclass(slots=True)
class Bystanders:
    """`grants` are (resource, role, member, condition), `on_accounts` such on accounts by their unique ID.

    `audit` is what they had logged, `asked` the services whose logs others want as well.
    """

    things: Json
    grants: set[Grant]
    entries: dict[str, list[Json]]
    on_accounts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    comers: int = 0
    audit: tuple[Json, ...] = LOGS
    asked: set[str] = field(default_factory=set)

    @classmethod
    def settle_in(cls, local: LocalCloud) -> "Bystanders":
        """A pool with a provider, an account, and grants on everything; the APIs are as the schedule wants them."""
        cloud = local.cloud
        project = cloud.projects.find(PROJECT)
        assert project is not None
        pool = cloud.pools.create(project, "pool-theirs", {"displayName": "Theirs", "description": "By hand."})
        provider = {"aws": {"accountId": "999988887777"}, "attributeCondition": "assertion.account == '999988887777'"}
        pool.create_provider("provider-theirs", provider)
        account = cloud.accounts.create(project, "theirs-reader", {"displayName": "Theirs"})
        found = {
            HOME: [
                Binding("roles/owner", frozenset({"user:admin@keyless.local"})),
                Binding("roles/bigquery.jobUser", frozenset({THEIR_MEMBER, "user:bob@example.com"})),
                Binding("roles/bigquery.jobUser", frozenset({"user:alice@example.com"}), OFFICE_HOURS),
                Binding("roles/logging.logWriter", frozenset({FEDERATED})),
            ],
            f"projects/{OTHER}": [
                Binding("roles/owner", frozenset({"user:admin@keyless.local"})),
                Binding("roles/bigquery.jobUser", frozenset({THEIR_MEMBER, "group:staff@example.com"})),
            ],
            account.resource: [Binding("roles/iam.workloadIdentityUser", frozenset({FEDERATED}))],
            f"{resource(PROJECT, 'sales')}/tables/{TABLE}": [
                Binding("roles/bigquery.dataViewer", frozenset({"user:bob@example.com"}))
            ],
        }
        for name in (f"projects/_/buckets/{BUCKET}", TOPIC):
            people = Binding(_watches(name), frozenset({"user:bob@example.com"}))
            found[name] = [*cloud.policies.get(name).bindings, people]
        for name, bindings in found.items():
            cloud.policies.begin(name, bindings)
        cloud.policies.set(HOME, found[HOME], audit=LOGS)
        for dataset in DATASETS:
            before = cloud.datasets.entries(resource(PROJECT, dataset))
            theirs: list[Json] = [{"role": "READER", "userByEmail": THEIR_EMAIL}, CONDITIONAL, VIEW]
            cloud.datasets.replace(PROJECT, dataset, [*before, *theirs])
        grants = {
            (name, binding.role, member, binding.condition)
            for name, bindings in found.items()
            for binding in bindings
            for member in binding.members
        }
        entries = {dataset: list(cloud.datasets.entries(resource(PROJECT, dataset))) for dataset in DATASETS}
        return cls(cls._things(local), grants, entries)

    def interfere(self, local: LocalCloud) -> None:
        """A newcomer is let into every policy: the etags change."""
        self.comers += 1
        member, policies = f"user:carol{self.comers}@example.com", local.cloud.policies
        for name in {grant[0] for grant in self.grants}:
            policies.set(name, [*policies.get(name).bindings, Binding(_watches(name), frozenset({member}))])
            self.grants.add((name, _watches(name), member, None))
        for dataset in DATASETS:
            entry = {"role": "READER", "userByEmail": member.removeprefix("user:")}
            self.entries[dataset].append(entry)
            local.cloud.datasets.replace(
                PROJECT, dataset, [*local.cloud.datasets.entries(resource(PROJECT, dataset)), entry]
            )
        if self.comers == 1:
            log = {"logType": "DATA_WRITE", "exemptedMembers": [member]}
            new: Json = {"service": "pubsub.googleapis.com", "auditLogConfigs": [log]}
            policies.set(HOME, policies.get(HOME).bindings, audit=(*policies.get(HOME).audit, new))
            self.audit = (*self.audit, new)
        for account in ours(local):
            role = _watches(account.resource)
            found = policies.get(account.resource).bindings
            policies.set(account.resource, [*found, Binding(role, frozenset({member}))])
            self.on_accounts.setdefault(account.unique_id, []).append((role, member))

    def missing(self, local: LocalCloud) -> list[str]:
        """What of theirs is not as it was."""
        cloud = local.cloud
        lost = [f"{grant}" for grant in self.grants if not _holds(local, *grant)]
        for account in ours(local):
            for role, member in self.on_accounts.get(account.unique_id, ()):
                if not _holds(local, account.resource, role, member, None):
                    lost.append(f"{role} for {member} on {account.email}")
        for dataset, entries in self.entries.items():
            found = cloud.datasets.entries(resource(PROJECT, dataset))
            lost += [f"{entry} in {dataset}" for entry in entries if entry not in found]
            if [entry for entry in found if entry in entries] != entries:
                lost.append(f"the order of the entries in {dataset}")
        if self._things(local) != self.things:
            lost.append(f"their pool, provider or account: {self._things(local)}")
        return [*lost, *self._about_logs(local)]

    def _about_logs(self, local: LocalCloud) -> list[str]:
        found, theirs = logs(local), _logs(self.audit)
        asked = {key for key, exempted in found.items() if key[0] in self.asked and not exempted}
        told = [f"the log of {key} for all but {sorted(but)}" for key, but in theirs.items() if found.get(key) != but]
        return told + [f"a log that nobody asked for: {key}" for key in found.keys() - theirs.keys() - asked]

    def unlogged(self, local: LocalCloud, services: Iterable[str]) -> list[str]:
        """What of the Data Access to these services is not logged."""
        found = logs(local)
        return [
            f"{kind} of {service}"
            for service in services
            for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
            if (service, kind) not in found and found.get(("allServices", kind)) != frozenset()
        ]

    @staticmethod
    def _things(local: LocalCloud) -> Json:
        pool, account = local.cloud.pools.find(NUMBER, "pool-theirs"), local.cloud.accounts.find(THEIR_EMAIL)
        providers = {name: provider.json() for name, provider in pool.providers.items()} if pool else {}
        return {"pool": pool and pool.json(), "providers": providers, "account": account and account.json()}


def logs(local: LocalCloud) -> dict[tuple[str, str], frozenset[str]]:
    """Service and kind of all that the project has logged, with who is exempted."""
    return _logs(local.cloud.policies.get(HOME).audit)


def _logs(audit: Iterable[Json]) -> dict[tuple[str, str], frozenset[str]]:
    return {
        (config["service"], log["logType"]): frozenset(log.get("exemptedMembers", ()))
        for config in audit
        for log in config["auditLogConfigs"]
    }


def ours(local: LocalCloud) -> list[Any]:
    """All living accounts but theirs."""
    projects = [local.cloud.projects.find(name) for name in (PROJECT, OTHER)]
    found = [account for project in projects if project for account in local.cloud.accounts.list(project)]
    return [account for account in found if account.email != THEIR_EMAIL]


def _watches(name: str) -> str:
    """A role that can be granted there."""
    return WATCHES[name.split("/")[-2]]


def _holds(local: LocalCloud, name: str, role: str, member: str, condition: Condition | None) -> bool:
    bindings = local.cloud.policies.get(name).bindings
    return any(
        binding.role == role and member in binding.members and binding.condition == condition for binding in bindings
    )
