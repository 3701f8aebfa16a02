"""Predefined roles with their real permissions, as far as this cloud checks any, and which resources take them.

https://cloud.google.com/iam/docs/roles-permissions
"""

from itertools import product

from local.google.iam.roles import storage_pubsub_secrets
from local.google.iam.roles.definition import ACCOUNT, DATASET, PROJECT, TABLE, Role, names, role

PROJECT_READ = names("resourcemanager.projects", "get list")
POOLS = frozenset(
    f"iam.{kind}.{verb}"
    for kind, verb in product(
        ("workloadIdentityPools", "workloadIdentityPoolProviders"),
        ("create", "delete", "get", "list", "undelete", "update"),
    )
)
ACCOUNT_ADMIN = names(
    "iam.serviceAccounts", "create delete disable enable get getIamPolicy list setIamPolicy undelete update"
)
KEYS = names("iam.serviceAccountKeys", "create delete disable enable get list")
ROLES = names("iam.roles", "create delete get list undelete update")
SERVICES = names("serviceusage.services", "disable enable get list use") | names("serviceusage.operations", "get list")
# Only the roles made for it impersonate: not even roles/owner holds these.
IMPERSONATE = names("iam.serviceAccounts", "getAccessToken getOpenIdToken")
SIGN = names("iam.serviceAccounts", "implicitDelegation signBlob signJwt")

JOBS = frozenset({"bigquery.jobs.create", "bigquery.config.get"})
DATASET_READ = names("bigquery.datasets", "get getIamPolicy")
METADATA = (
    DATASET_READ | names("bigquery.tables", "get getIamPolicy list") | names("bigquery.routines", "get list")
) | names("bigquery.models", "getMetadata list")
DATA_READ = (
    METADATA | names("bigquery.tables", "createSnapshot export getData") | names("bigquery.models", "getData export")
)
DATA_EDIT = (
    DATA_READ
    | {"bigquery.datasets.create"}
    | names("bigquery.tables", "create delete update updateData updateTag")
    | names("bigquery.routines", "create delete update")
    | names("bigquery.models", "create delete updateData updateMetadata")
)
DATA_OWN = (
    DATA_EDIT
    | names("bigquery.datasets", "delete setIamPolicy update")
    | {"bigquery.tables.setIamPolicy"}
    | names(
        "bigquery.rowAccessPolicies",
        "create delete getIamPolicy list overrideTimeTravelRestrictions setIamPolicy update",
    )
)
BIGQUERY = (
    DATA_OWN
    | JOBS
    | names("bigquery.jobs", "delete get list listAll update")
    | names("bigquery.readsessions", "create getData update")
)
PROJECT_POLICY = names("resourcemanager.projects", "getIamPolicy setIamPolicy")

# Basic roles reach table data only through a dataset's own access list (projectOwners and its like).
# https://cloud.google.com/bigquery/docs/access-control-basic-roles
BASIC_BIGQUERY = JOBS | names("bigquery.datasets", "create get") | {"bigquery.tables.list"}
VIEWER = (
    PROJECT_READ
    | JOBS
    | frozenset(p for p in POOLS | ACCOUNT_ADMIN | KEYS | ROLES | SERVICES if p.endswith((".get", ".list")))
    | names("bigquery.datasets", "get")
    | names("bigquery.jobs", "get list listAll")
    | storage_pubsub_secrets.VIEWER
)
EDITOR = (
    VIEWER
    | storage_pubsub_secrets.EDITOR
    | BASIC_BIGQUERY
    | SERVICES
    | (ACCOUNT_ADMIN - {"iam.serviceAccounts.setIamPolicy"})
    | KEYS
)
OWNER = (
    EDITOR
    | POOLS
    | ACCOUNT_ADMIN
    | ROLES
    | PROJECT_POLICY
    | names("bigquery.datasets", "delete")
    | names("resourcemanager.projects", "update delete")
    | {"iam.serviceAccounts.actAs"}
    | storage_pubsub_secrets.OWNER
)

PREDEFINED: dict[str, Role] = {
    "roles/owner": role(OWNER),
    "roles/editor": role(EDITOR, PROJECT, ACCOUNT),
    "roles/viewer": role(VIEWER, PROJECT, ACCOUNT),
    "roles/browser": role(PROJECT_READ | {"resourcemanager.projects.getIamPolicy"}),
    "roles/iam.workloadIdentityPoolAdmin": role(POOLS | PROJECT_READ),
    "roles/iam.workloadIdentityPoolViewer": role(
        PROJECT_READ | frozenset(p for p in POOLS if p.endswith((".get", ".list")))
    ),
    "roles/iam.serviceAccountAdmin": role(ACCOUNT_ADMIN | PROJECT_READ, PROJECT, ACCOUNT),
    "roles/iam.serviceAccountCreator": role(names("iam.serviceAccounts", "create get list") | PROJECT_READ),
    "roles/iam.serviceAccountUser": role(
        names("iam.serviceAccounts", "actAs get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.serviceAccountKeyAdmin": role(
        KEYS | names("iam.serviceAccounts", "get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.serviceAccountTokenCreator": role(
        IMPERSONATE | SIGN | names("iam.serviceAccounts", "get list") | PROJECT_READ, PROJECT, ACCOUNT
    ),
    "roles/iam.workloadIdentityUser": role(IMPERSONATE | names("iam.serviceAccounts", "get list"), PROJECT, ACCOUNT),
    "roles/iam.roleAdmin": role(ROLES | PROJECT_READ | {"resourcemanager.projects.getIamPolicy"}),
    "roles/resourcemanager.projectIamAdmin": role(PROJECT_POLICY | {"resourcemanager.projects.get"}),
    "roles/serviceusage.serviceUsageAdmin": role(SERVICES),
    "roles/serviceusage.serviceUsageConsumer": role(SERVICES - names("serviceusage.services", "disable enable")),
    "roles/serviceusage.serviceUsageViewer": role(SERVICES - names("serviceusage.services", "disable enable use")),
    "roles/bigquery.jobUser": role(JOBS | PROJECT_READ),
    "roles/bigquery.user": role(
        JOBS | METADATA | PROJECT_READ | {"bigquery.datasets.create", "bigquery.jobs.list"}, PROJECT, DATASET
    ),
    "roles/bigquery.metadataViewer": role(METADATA | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataViewer": role(DATA_READ | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataEditor": role(DATA_EDIT | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.dataOwner": role(DATA_OWN | PROJECT_READ, PROJECT, DATASET, TABLE),
    "roles/bigquery.readSessionUser": role(names("bigquery.readsessions", "create getData update") | PROJECT_READ),
    "roles/bigquery.admin": role(BIGQUERY | PROJECT_READ, PROJECT, DATASET, TABLE),
    **storage_pubsub_secrets.PREDEFINED,
    # Grantable, and without effect here: nothing of these services is emulated.
    "roles/aiplatform.user": role(frozenset()),
    "roles/logging.logWriter": role(frozenset()),
    "roles/monitoring.metricWriter": role(frozenset()),
}

PERMISSIONS = frozenset(permission for role in PREDEFINED.values() for permission in role.permissions)
# https://cloud.google.com/iam/docs/custom-roles-permissions-support
NOT_IN_PROJECT_ROLES = frozenset({"resourcemanager.projects.list"})
