"""Commands that confirm more than one failure. gcloud takes a project's number in a full name, not in --project."""

POOL = "gcloud iam workload-identity-pools describe projects/NUMBER/locations/global/workloadIdentityPools/POOL"
PROVIDER = (
    "gcloud iam workload-identity-pools providers describe "
    "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"
)
USABLE = f"Run `{POOL} --format='value(state,disabled)'`: it must say ACTIVE and not True"
