"""Failures of the exchange: Google's Security Token Service does not take the AWS identity."""

from keyless.failures.commands import (
    ENABLE_POOL,
    ENABLE_PROVIDER,
    POOL,
    PROVIDER,
    UNDELETE_POOL,
    UNDELETE_PROVIDER,
)
from keyless.failures.failure import Failure

EXCHANGE = (
    Failure(
        id="condition-false",
        links=("sts-exchange",),
        status=400,
        words="rejected by the attribute condition",
        symptom="400 `unauthorized_client`: `The given credential is rejected by the attribute condition.`",
        cause="the provider's attribute condition is false for this AWS role",
        confirm="Run `keyless conditions --provider AUDIENCE SESSION_ARN`: it names the clause that is false",
        remedy="Name the function's role in the federation (attach_to does it) and deploy again; "
        "compare the condition with the ARN that `aws sts get-caller-identity` prints for this role",
    ),
    Failure(
        id="audience-refused",
        links=("sts-exchange",),
        status=400,
        words='Invalid value for "audience"',
        symptom='400 `invalid_request`: `Invalid value for "audience". This value should be the full resource name`',
        cause="the audience is not the full resource name of a workload identity provider",
        confirm=f"Run `{PROVIDER} --format='value(name)'`: the audience is //iam.googleapis.com/ and that",
        remedy="Set KEYLESS_AUDIENCE to //iam.googleapis.com/projects/NUMBER/locations/global/"
        "workloadIdentityPools/POOL/providers/PROVIDER",
    ),
    Failure(
        id="provider-not-usable",
        links=("sts-exchange",),
        status=400,
        words="invalid_target",
        symptom='400 `invalid_target`: `The target service indicated by the "audience" parameters is invalid. ...`',
        cause="no such provider: the pool or provider is missing, disabled or deleted, "
        "or the audience names the project by its ID where Google wants its number",
        confirm=f"Run `{PROVIDER} --format='value(state,disabled)'` and `{POOL} --format='value(state,disabled)'`: "
        "both must say ACTIVE and not True",
        remedy="Deploy again, which makes what is missing and undeletes what is deleted (by hand, for 30 days: "
        f"{UNDELETE_POOL}, {UNDELETE_PROVIDER}). What somebody disabled it leaves so: ask why, then {ENABLE_POOL}, "
        f"or {ENABLE_PROVIDER}",
        propagating=True,
    ),
    Failure(
        id="subject-too-long",
        links=("sts-exchange",),
        status=400,
        words="google.subject exceeds the 127 bytes limit",
        symptom="400 `invalid_request`: `The size of mapped attribute google.subject exceeds the 127 bytes limit.`",
        cause="the ARN of the session is longer than google.subject may be (127 bytes)",
        confirm="Run `aws sts get-caller-identity --query Arn --output text | tr -d '\\n' | wc -c` in the same place",
        remedy='Shorten the names: role name + "/" + function name must fit in 88 bytes',
    ),
    Failure(
        id="aws-token-unparsable",
        links=("sts-exchange",),
        status=400,
        words="Unable to parse AWS token",
        symptom="`Invalid token`, `Unable to parse AWS token`, on EC2 with Google's own libraries",
        cause="what came as the signed request is none; with Google's own libraries on EC2: their credential "
        "configuration asks the metadata service as IMDSv1 where the instance wants IMDSv2, or the other way round",
        confirm="Run `aws ec2 describe-instances --instance-ids INSTANCE "
        "--query 'Reservations[].Instances[].MetadataOptions'`",
        remedy="Make the credential configuration anew with `--enable-imdsv2`; Keyless asks no metadata service",
    ),
    Failure(
        id="aws-unreachable-for-google",
        links=("sts-exchange",),
        status=400,
        words="Error connecting to the given credential's issuer",
        symptom="400 `invalid_grant`: `Error connecting to the given credential's issuer.`",
        cause="Google could not reach AWS's STS in the region of AWS_REGION: for a moment, or because Google does not "
        "know this region",
        confirm="Run `aws account get-region-opt-status --region-name REGION`: ENABLED_BY_DEFAULT is a region of every "
        "account",
        remedy="Try again later; if it stays, run in a region that AWS enables by default",
        propagating=True,
    ),
    Failure(
        id="scope-invalid",
        links=("sts-exchange", "impersonation"),
        status=400,
        words="scope",
        symptom="400 `invalid_scope`, or 400 `INVALID_ARGUMENT` that speaks of the scope",
        cause="a scope in KEYLESS_SCOPES, or one that the client asks for, is none of Google's",
        confirm="Run `printenv KEYLESS_SCOPES` there",
        remedy="Unset KEYLESS_SCOPES (cloud-platform is the default), or write scopes as "
        "https://www.googleapis.com/auth/NAME",
    ),
    Failure(
        id="aws-account-not-trusted",
        links=("sts-exchange",),
        symptom="400 `invalid_grant`, with credentials that AWS itself takes",
        cause="AWS takes these credentials, of the account ACCOUNT, and Google does not: the provider trusts another "
        "account, or Google could not ask AWS in this region",
        confirm=f"Run `{PROVIDER} --format='value(aws.accountId)'`: it must print ACCOUNT",
        remedy="Run with a role of the provider's account, or make a provider for ACCOUNT: a provider trusts one",
        seen_as="aws-not-confirmed",
    ),
    Failure(
        id="aws-not-confirmed",
        links=("sts-exchange",),
        status=400,
        words="invalid_grant",
        symptom="400 `invalid_grant`",
        cause="AWS did not confirm the signed request to Google: expired or wrong AWS credentials, "
        "a clock that is off, or an AWS account that the provider does not trust",
        confirm=f"Run `aws sts get-caller-identity` and `{PROVIDER} --format='value(aws.accountId)'`: "
        "both must name one account",
        remedy="Check with `aws sts get-caller-identity` from the same place that the credentials "
        "are good and that the account is the provider's",
    ),
    Failure(
        id="sts-api-disabled",
        links=("sts-exchange",),
        status=403,
        words="SERVICE_DISABLED",
        also=(("sts-exchange", "has not been used in project"),),
        symptom="403 `Security Token Service API has not been used in project NUMBER before or it is disabled.`",
        cause="the Security Token Service API is not enabled in the pool's project",
        confirm="Run `gcloud services list --enabled --project=NUMBER --filter=config.name=sts.googleapis.com`",
        remedy="Enable it: `gcloud services enable sts.googleapis.com --project=NUMBER`",
        propagating=True,
    ),
)
