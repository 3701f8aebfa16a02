"""Commands of more than one failure. gcloud takes a project's number in a full name, not in --project."""

_POOLS = "gcloud iam workload-identity-pools"
_POOL = "projects/NUMBER/locations/global/workloadIdentityPools/POOL"

POOL = f"{_POOLS} describe {_POOL}"
PROVIDER = f"{_POOLS} providers describe {_POOL}/providers/PROVIDER"
USABLE = f"Run `{POOL} --format='value(state,disabled)'`: it must say ACTIVE and not True"

ENABLE_POOL = f"`{_POOLS} update {_POOL} --no-disabled`"
ENABLE_PROVIDER = f"`{_POOLS} providers update-aws {_POOL}/providers/PROVIDER --no-disabled`"
UNDELETE_POOL = f"`{_POOLS} undelete {_POOL}`"
UNDELETE_PROVIDER = f"`{_POOLS} providers undelete {_POOL}/providers/PROVIDER`"
