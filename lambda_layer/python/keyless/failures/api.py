"""Failures of the API: the token is there, and is not taken or may not do what it is used for.

Google's own clients raise these as exceptions of their own (google.api_core.exceptions.Forbidden and the like), so that
of the layer's errors only ApiError comes from here.
"""

from keyless.failures.commands import USABLE
from keyless.failures.failure import Failure

ROLES = (
    "gcloud projects get-iam-policy PROJECT --flatten='bindings[].members' --filter='bindings.members=MEMBER' "
    "--format='value(bindings.role)'"
)

API = (
    Failure(
        id="api-disabled",
        links=("api",),
        status=403,
        words="SERVICE_DISABLED",
        symptom="403 `BigQuery API has not been used in project NUMBER before or it is disabled.`",
        cause="the API is not enabled in the project that is billed",
        confirm="Run `gcloud services list --enabled --project=PROJECT`",
        remedy="Enable it: `gcloud services enable bigquery.googleapis.com --project=PROJECT`",
    ),
    Failure(
        id="api-quota-exceeded",
        links=("api",),
        status=403,
        words="quota exceeded",
        also=(("api", "rateLimitExceeded"), ("api", "quotaExceeded"), ("api", "Exceeded rate limits")),
        symptom="403 `quotaExceeded`, `rateLimitExceeded`, `Quota exceeded`, `Exceeded rate limits`",
        cause="the API asks for fewer requests",
        confirm="Run `gcloud services list --enabled --project=PROJECT`, then IAM & Admin > Quotas in the console",
        remedy="Try again later, or raise the quota",
        retryable=True,
    ),
    Failure(
        id="drive-scope-missing",
        links=("api",),
        status=403,
        words="getting Drive credentials",
        symptom="403 `Permission denied while getting Drive credentials.`, for a table over a Google Sheet or "
        "a file in Google Drive",
        cause="the token lacks the scope of Google Drive, or the file is not shared with MEMBER",
        confirm="Run `printenv KEYLESS_SCOPES` there: https://www.googleapis.com/auth/drive must be in it, or "
        "https://www.googleapis.com/auth/drive.readonly",
        remedy="Set KEYLESS_SCOPES to https://www.googleapis.com/auth/cloud-platform "
        "https://www.googleapis.com/auth/drive, enable the Drive API, and share the file with MEMBER",
    ),
    Failure(
        id="billing-disabled",
        links=("api",),
        status=403,
        words="billingNotEnabled",
        also=(("api", "Billing has not been enabled"), ("api", "requires billing to be enabled")),
        symptom="403 `billingNotEnabled`, `Billing has not been enabled for this project`",
        cause="the project that is billed has no active billing account",
        confirm="Run `gcloud billing projects describe PROJECT`: billingEnabled must be true",
        remedy="Link a billing account: `gcloud billing projects link PROJECT --billing-account=BILLING_ACCOUNT`",
    ),
    Failure(
        id="quota-project-denied",
        links=("api",),
        status=403,
        words="USER_PROJECT_DENIED",
        also=(("api", "serviceusage.services.use"), ("api", "roles/serviceusage.serviceUsageConsumer")),
        symptom="403 `USER_PROJECT_DENIED`, `Caller does not have required permission to use project ...`",
        cause="MEMBER may not bill the quota project of the request",
        confirm=f"Run `{ROLES}`: roles/serviceusage.serviceUsageConsumer must be among them",
        remedy="Leave out the quota project (quota_project_id in the credential file, with_quota_project in the code), "
        'or add ProjectGrant("roles/serviceusage.serviceUsageConsumer") for that project',
    ),
    Failure(
        id="scope-insufficient",
        links=("api",),
        status=403,
        words="insufficient authentication scopes",
        symptom="403 `Request had insufficient authentication scopes.`",
        cause="the token was made for other scopes than the API wants",
        confirm="Run `printenv KEYLESS_SCOPES` there",
        remedy="Unset KEYLESS_SCOPES (cloud-platform is the default, and IAM decides), or add the API's scope",
    ),
    Failure(
        id="bigquery-job-user-missing",
        links=("api",),
        status=403,
        words="bigquery.jobs.create",
        symptom="403 `Access Denied: Project PROJECT: User does not have bigquery.jobs.create permission in project "
        "PROJECT.`",
        cause="MEMBER may run no query in the project PROJECT, which breaks what queries and nothing else",
        confirm=f"Run `{ROLES}`: roles/bigquery.jobUser must be among them",
        remedy='Add ProjectGrant("roles/bigquery.jobUser") and deploy; by hand, `gcloud projects '
        "add-iam-policy-binding PROJECT --role=roles/bigquery.jobUser --member=MEMBER --condition=None`. "
        "What only inserts rows runs no query, and needs no such role: there the doctor's warning is no fault",
    ),
    Failure(
        id="bigquery-data-denied",
        links=("api",),
        status=403,
        words="Access Denied: Table",
        symptom="403 `Access Denied: Table ...: User does not have permission to query table ..., or perhaps it does "
        "not exist.`",
        cause="MEMBER may not read this table, or there is none: a role on the table or its dataset is missing",
        confirm="Run `bq show --format=prettyjson TABLE_PROJECT:DATASET` and look for it under access",
        remedy='Add DatasetGrant("roles/bigquery.dataViewer", "DATASET") and deploy',
    ),
    Failure(
        id="bigquery-dataset-denied",
        links=("api",),
        status=403,
        words="Access Denied: Dataset",
        symptom="403 `Access Denied: Dataset ...`",
        cause="MEMBER may not use this dataset, or there is none",
        confirm="Run `bq show --format=prettyjson TABLE_PROJECT:DATASET` and look for it under access",
        remedy='Add DatasetGrant("roles/bigquery.dataViewer", "DATASET") and deploy',
    ),
    Failure(
        id="bigquery-not-found",
        links=("api",),
        status=404,
        words="",
        symptom="404 `Not found: Table ... was not found in location US`, `Not found: Dataset`, `Not found: Project`",
        cause="there is no such project, dataset or table, or it is in another location than the query",
        confirm="Run `bq show TABLE_PROJECT:DATASET.TABLE` and look at its location",
        remedy="Mend the name, or give the query the dataset's location",
    ),
    Failure(
        id="api-denied",
        links=("api",),
        status=403,
        words="",
        symptom="403 `The caller does not have permission`",
        cause="the token is good, but MEMBER may not do this",
        confirm=f"Run `{ROLES}`, and look at the access list of what is asked for",
        remedy="Grant the role that Google's words name, on what they name: project, dataset, table or bucket "
        "(docs/grants.md)",
    ),
    Failure(
        id="token-refused",
        links=("api",),
        status=401,
        words="",
        symptom="401 `UNAUTHENTICATED`: `Request had invalid authentication credentials.`",
        cause="the API did not accept the token: it has expired, or its pool was disabled or deleted",
        confirm=USABLE,
        remedy="Check that the pool is enabled; the next request makes a new token",
    ),
)
