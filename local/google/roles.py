"""Predefined roles with their real permissions, as far as this cloud checks any, and which resources take them.

https://cloud.google.com/iam/docs/roles-permissions
"""

from dataclasses import dataclass
from itertools import product


def _names(prefix: str, verbs: str) -> frozenset[str]:
    return frozenset(f"{prefix}.{verb}" for verb in verbs.split())


PROJECT_READ = _names("resourcemanager.projects", "get list")
POOLS = frozenset(
    f"iam.{kind}.{verb}"
    for kind, verb in product(
        ("workloadIdentityPools", "workloadIdentityPoolProviders"),
        ("create", "delete", "get", "list", "undelete", "update"),
    )
)
ACCOUNT_ADMIN = _names(
    "iam.serviceAccounts", "create delete disable enable get getIamPolicy list setIamPolicy undelete update"
)
KEYS = _names("iam.serviceAccountKeys", "create delete disable enable get list")
ROLES = _names("iam.roles", "create delete get list undelete update")
SERVICES = _names("serviceusage.services", "disable enable get list use") | _names(
    "serviceusage.operations", "get list"
)
# Only the roles made for it impersonate: not even roles/owner holds these.
IMPERSONATE = _names("iam.serviceAccounts", "getAccessToken getOpenIdToken")
SIGN = _names("iam.serviceAccounts", "implicitDelegation signBlob signJwt")

JOBS = frozenset({"bigquery.jobs.create", "bigquery.config.get"})
DATASET_READ = _names("bigquery.datasets", "get getIamPolicy")
METADATA = (
    DATASET_READ | _names("bigquery.tables", "get getIamPolicy list") | _names("bigquery.routines", "get list")
) | _names("bigquery.models", "getMetadata list")
DATA_READ = (
    METADATA | _names("bigquery.tables", "createSnapshot export getData") | _names("bigquery.models", "getData export")
)
DATA_EDIT = (
    DATA_READ
    | {"bigquery.datasets.create"}
    | _names("bigquery.tables", "create delete update updateData updateTag")
    | _names("bigquery.routines", "create delete update")
    | _names("bigquery.models", "create delete updateData updateMetadata")
)
DATA_OWN = (
    DATA_EDIT
    | _names("bigquery.datasets", "delete setIamPolicy update")
    | {"bigquery.tables.setIamPolicy"}
    | _names(
        "bigquery.rowAccessPolicies",
        "create delete getIamPolicy list overrideTimeTravelRestrictions setIamPolicy update",
    )
)
BIGQUERY = (
    DATA_OWN
    | JOBS
    | _names("bigquery.jobs", "delete get list listAll update")
    | _names("bigquery.readsessions", "create getData update")
)
PROJECT_POLICY = _names("resourcemanager.projects", "getIamPolicy setIamPolicy")

# Basic roles reach table data only through a dataset's own access list (projectOwners and its like).
# https://cloud.google.com/bigquery/docs/access-control-basic-roles
BASIC_BIGQUERY = JOBS | _names("bigquery.datasets", "create get") | {"bigquery.tables.list"}
VIEWER = (
    PROJECT_READ
    | JOBS
    | frozenset(p for p in POOLS | ACCOUNT_ADMIN | KEYS | ROLES | SERVICES if p.endswith((".get", ".list")))
    | _names("bigquery.datasets", "get")
    | _names("bigquery.jobs", "get list listAll")
)
EDITOR = VIEWER | BASIC_BIGQUERY | SERVICES | (ACCOUNT_ADMIN - {"iam.serviceAccounts.setIamPolicy"}) | KEYS
OWNER = (
    EDITOR
    | POOLS
    | ACCOUNT_ADMIN
    | ROLES
    | PROJECT_POLICY
    | _names("bigquery.datasets", "delete")
    | _names("resourcemanager.projects", "update delete")
    | {"iam.serviceAccounts.actAs"}
)

PROJECT, ACCOUNT, DATASET, TABLE = "project", "serviceAccount", "dataset", "table"


@dataclass(frozen=True, slots=True)
class Role:
    """What a predefined role allows, and on which kinds of resource it can be granted."""

    permissions: frozenset[str]
    grantable_on: frozenset[str]


def _role(permissions: frozenset[str], *kinds: str) -> Role:
    return Role(permissions, frozenset(kinds or (PROJECT,)))


PREDEFINED: dict[str, Role] = {
    "roles/owner": _role(OWNER),
    "roles/editor": _role(EDITOR, PROJECT, ACCOUNT),
    "roles/viewer": _role(VIEWER, PROJECT, ACCOUNT),
    "roles/browser": _role(PROJECT_READ | {"resourcemanager.projects.getIamPolicy"}),
    "roles/iam.workloadIdentityPoolAdmin": _role(POOLS | PROJECT_READ),
    "roles/iam.workloadIdentityPoolViewer": _role(
        PROJECT_READ | frozenset(p for p in POOLS if p.endswith((".get", ".list")))
    ),
    "roles/iam.serviceAccountAdmin": _role(ACCOUNT_ADMIN | PROJECT_READ, PROJECT, ACCOUNT),
    "roles/iam.serviceAccountCreator": _role(_names("iam.serviceAccounts", "create get list") | PROJECT_READ),
    "roles/iam.serviceAccountUser": _role(
        _names("iam.serviceAccounts", "actAs get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.serviceAccountKeyAdmin": _role(
        KEYS | _names("iam.serviceAccounts", "get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.serviceAccountTokenCreator": _role(
        IMPERSONATE | SIGN | _names("iam.serviceAccounts", "get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.workloadIdentityUser": _role(IMPERSONATE | _names("iam.serviceAccounts", "get list"), PROJECT, ACCOUNT),
    "roles/iam.roleAdmin": _role(ROLES | PROJECT_READ | {"resourcemanager.projects.getIamPolicy"}),
    "roles/resourcemanager.projectIamAdmin": _role(PROJECT_POLICY | {"resourcemanager.projects.get"}),
    "roles/serviceusage.serviceUsageAdmin": _role(SERVICES),
    "roles/serviceusage.serviceUsageConsumer": _role(SERVICES - _names("serviceusage.services", "disable enable")),
    "roles/serviceusage.serviceUsageViewer": _role(SERVICES - _names("serviceusage.services", "disable enable use")),
    "roles/bigquery.jobUser": _role(JOBS | PROJECT_READ),
    "roles/bigquery.user": _role(
        JOBS | METADATA | PROJECT_READ | {"bigquery.datasets.create", "bigquery.jobs.list"}, PROJECT, DATASET
    ),
    "roles/bigquery.metadataViewer": _role(METADATA | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataViewer": _role(DATA_READ | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataEditor": _role(DATA_EDIT | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataOwner": _role(DATA_OWN | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.readSessionUser": _role(_names("bigquery.readsessions", "create getData update") | PROJECT_READ),
    "roles/bigquery.admin": _role(BIGQUERY | PROJECT_READ, PROJECT, DATASET, TABLE),
    # Grantable, and without effect here: nothing of these services is emulated.
    "roles/aiplatform.user": _role(frozenset()),
    "roles/logging.logWriter": _role(frozenset()),
    "roles/monitoring.metricWriter": _role(frozenset()),
    "roles/pubsub.publisher": _role(frozenset()),
    "roles/secretmanager.secretAccessor": _role(frozenset()),
    "roles/storage.objectAdmin": _role(frozenset()),
    "roles/storage.objectCreator": _role(frozenset()),
    "roles/storage.objectViewer": _role(frozenset()),
    "roles/storage.objectUser": _role(frozenset()),
}

PERMISSIONS = frozenset(permission for role in PREDEFINED.values() for permission in role.permissions)
# https://cloud.google.com/iam/docs/custom-roles-permissions-support
NOT_IN_PROJECT_ROLES = frozenset({"resourcemanager.projects.list"})
