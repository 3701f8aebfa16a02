"""The least that the deployer must be allowed: what the requests of functions/gcp_federation name, and nothing else."""

from keyless_federation.model.disclosure import described
from keyless_federation.model.kinds import KINDS, PROJECT, SERVICE_ACCOUNT

FEDERATION = (
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.delete",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.getIamPolicy",
    "iam.serviceAccounts.list",
    "iam.serviceAccounts.setIamPolicy",
    "iam.serviceAccounts.update",
    "iam.workloadIdentityPoolProviders.create",
    "iam.workloadIdentityPoolProviders.delete",
    "iam.workloadIdentityPoolProviders.get",
    "iam.workloadIdentityPoolProviders.list",
    "iam.workloadIdentityPoolProviders.undelete",
    "iam.workloadIdentityPoolProviders.update",
    "iam.workloadIdentityPools.create",
    "iam.workloadIdentityPools.delete",
    "iam.workloadIdentityPools.get",
    "iam.workloadIdentityPools.undelete",
    "iam.workloadIdentityPools.update",
    "resourcemanager.projects.get",
    "resourcemanager.projects.getIamPolicy",
    "serviceusage.operations.get",
    "serviceusage.services.enable",
    "serviceusage.services.get",
)
PROJECT_GRANTS = ("resourcemanager.projects.setIamPolicy",)
GRANTS_ELSEWHERE = ("resourcemanager.projects.getIamPolicy", *PROJECT_GRANTS)

# Datasets have no policy of their own: it is part of them, in `access`.
ALSO_ON = {"bigquery.datasets": ("bigquery.datasets.get", "bigquery.datasets.update")}
ACCOUNTS = SERVICE_ACCOUNT.permission
KINDS_OF_RESOURCE = tuple(kind.permission for kind in KINDS if kind != PROJECT)


def kind_of_resource(value: str) -> str:
    """`value`, if it is a kind of resource that grants are made on, as permissions spell it; else `ValueError`."""
    if value == PROJECT.permission:
        raise ValueError(f"{value!r}: grants on the project are bounded role by role, with --grantable-role")
    if value not in KINDS_OF_RESOURCE:
        raise ValueError(f"{described(value)} is none of {', '.join(KINDS_OF_RESOURCE)}")
    return value


def grants_on(kind: str) -> tuple[str, ...]:
    """What it takes to read and set the policies of the project's resources of this kind."""
    return tuple(sorted((*ALSO_ON.get(kind, ()), f"{kind}.getIamPolicy", f"{kind}.setIamPolicy")))
