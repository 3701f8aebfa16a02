"""Failures of what is set up: the settings, the clock, and what an organization lets be deployed."""

from keyless.failures.commands import PROVIDER
from keyless.failures.failure import Failure

CONFIGURATION = (
    Failure(
        id="project-id-instead-of-number",
        links=("configuration",),
        words="names the project by its ID",
        symptom="`KEYLESS_AUDIENCE names the project by its ID`; from other libraries `invalid_target`",
        cause="the audience has the project's ID where Google wants its number",
        confirm="Run `gcloud projects describe PROJECT --format='value(projectNumber)'` and compare",
        remedy="Write the number into KEYLESS_AUDIENCE; `attach_to` does",
    ),
    Failure(
        id="audience-malformed",
        links=("configuration",),
        words="must have the form //iam.googleapis.com/",
        symptom="`KEYLESS_AUDIENCE must have the form ...`",
        cause="the audience is not the full resource name of a workload identity provider",
        confirm=f"Run `{PROVIDER} --format='value(name)'`: the audience is //iam.googleapis.com/ and that",
        remedy="Set KEYLESS_AUDIENCE to //iam.googleapis.com/projects/NUMBER/locations/global/"
        "workloadIdentityPools/POOL/providers/PROVIDER",
    ),
    Failure(
        id="credential-file-invalid",
        links=("configuration",),
        words="GOOGLE_APPLICATION_CREDENTIALS",
        symptom="`GOOGLE_APPLICATION_CREDENTIALS names a file ...`, `the field ... of the file in "
        "GOOGLE_APPLICATION_CREDENTIALS ...`: it cannot be read, is of another type, or holds a key",
        cause="the file is no credential configuration of type external_account for AWS",
        confirm='Run `python -c \'import json, os; print(json.load(open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]))'
        '["type"])\'`: it must print external_account',
        remedy="Make it with `gcloud iam workload-identity-pools create-cred-config`, or set KEYLESS_AUDIENCE instead",
    ),
    Failure(
        id="settings-invalid",
        links=("configuration",),
        words="",
        symptom="`Keyless is not configured: ...`, with all that is missing or wrong",
        cause="the environment does not configure Keyless, or only in part",
        confirm="Run `env | grep -E '^(KEYLESS_|GOOGLE_CLOUD_PROJECT=)'` there, or "
        "`aws lambda get-function-configuration --function-name FUNCTION --query "
        "'Environment.Variables.[KEYLESS_AUDIENCE, KEYLESS_SERVICE_ACCOUNT, GOOGLE_CLOUD_PROJECT]'`, "
        "which print no secret",
        remedy="Set what is named (`attach_to` sets all of it) and look for a deployment that has replaced it",
    ),
)

CLOCK = (
    Failure(
        id="clock-skew",
        links=("clock", "sts-exchange"),
        also=(("sts-exchange", "Signature expired"), ("sts-exchange", "Signature not yet current")),
        symptom="`invalid_grant` from Google, `Signature expired` or `Signature not yet current` from AWS",
        cause="this machine's clock is OFF, and a signed request is good for minutes only",
        confirm="Run `date -u; curl -sI https://sts.googleapis.com | grep -i ^date` and compare",
        remedy="Set the clock (Lambda keeps its own right; elsewhere run a time service)",
    ),
)

DEPLOY = (
    Failure(
        id="organization-policy",
        links=("deploy",),
        symptom="`cdk deploy` or `gcloud` fails with 400 `FAILED_PRECONDITION` and "
        "`constraints/iam.workloadIdentityPoolProviders` or `constraints/iam.workloadIdentityPoolAwsAccounts`",
        cause="the organization allows no such provider, or not this AWS account; it is asked when a provider is made "
        "or changed, and those that are there work on",
        confirm="Run `gcloud resource-manager org-policies describe iam.workloadIdentityPoolAwsAccounts "
        "--effective --project=PROJECT`, and the same for iam.workloadIdentityPoolProviders",
        remedy="Have the organization's administrator allow https://sts.amazonaws.com in the first and the AWS "
        "account's number in the second",
    ),
    Failure(
        id="pool-id-blocked",
        links=("deploy",),
        symptom="409 `ALREADY_EXISTS` for a pool or provider that is not in the list",
        cause="it was deleted less than 30 days ago: its ID is kept that long, and cannot be created again",
        confirm="Run `gcloud iam workload-identity-pools list --location=global --show-deleted --project=PROJECT`",
        remedy="Undelete it: `gcloud iam workload-identity-pools undelete POOL --location=global --project=PROJECT`; "
        "`cdk deploy` does that itself",
    ),
)
