"""The least that the deployer must be allowed: what the requests of functions/gcp_federation name, and nothing else."""

import re

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

# Datasets have no policy of their own: it is part of them, in `access`.
ALSO_ON = {"bigquery.datasets": ("bigquery.datasets.get", "bigquery.datasets.update")}
KIND = re.compile(r"[a-z][a-z0-9]*\.[a-z][A-Za-z0-9]*")
ALWAYS, BOUNDED = "iam.", "resourcemanager."


def kind_of_resource(value: str) -> str:
    """`value`, if it is a kind of resource as Google's permissions spell it: pubsub.topics; else `ValueError`."""
    if value.startswith(BOUNDED):
        raise ValueError(f"{value!r}: grants on the project are bounded role by role, with --grantable-role")
    if value.startswith(ALWAYS):
        raise ValueError(f"{value!r}: grants on service accounts are part of every federation and need no flag")
    if not KIND.fullmatch(value):
        raise ValueError(f"{value!r} is not a kind of resource as Google's permissions spell it, such as pubsub.topics")
    return value


def grants_on(kind: str) -> tuple[str, ...]:
    """What it takes to read and set the policies of the project's resources of this kind."""
    return tuple(sorted((*ALSO_ON.get(kind, ()), f"{kind}.getIamPolicy", f"{kind}.setIamPolicy")))
