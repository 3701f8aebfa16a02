"""Failures of impersonation: the federated identity does not become the service account."""

from keyless.failures.commands import ENABLE_POOL, UNDELETE_POOL, USABLE
from keyless.failures.failure import Failure

POLICY = "gcloud iam service-accounts get-iam-policy SERVICE_ACCOUNT"
DESCRIBE = "gcloud iam service-accounts describe SERVICE_ACCOUNT"

IMPERSONATION = (
    Failure(
        id="iamcredentials-disabled",
        links=("impersonation",),
        status=403,
        words="SERVICE_DISABLED",
        also=(("impersonation", "has not been used in project"),),
        symptom="403 `IAM Service Account Credentials API has not been used in project NUMBER before or it is "
        "disabled.`",
        cause="the IAM Service Account Credentials API is not enabled in the project",
        confirm="Run `gcloud services list --enabled --project=ACCOUNT_PROJECT "
        "--filter=config.name=iamcredentials.googleapis.com`",
        remedy="Enable it: `gcloud services enable iamcredentials.googleapis.com --project=ACCOUNT_PROJECT`",
        propagating=True,
    ),
    Failure(
        id="binding-missing",
        links=("impersonation",),
        status=403,
        words="iam.serviceAccounts.getAccessToken",
        symptom="403 `Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).`",
        cause="this role may not impersonate the service account, or no such account exists: no binding on it names "
        "this identity, or one that was made just now is not seen yet, or it names another session by its full ARN",
        confirm=f"Run `{POLICY}`: roles/iam.workloadIdentityUser must name PRINCIPAL",
        remedy="Grant roles/iam.workloadIdentityUser on the service account to the principalSet of "
        "attribute.aws_role/ROLE (attach_to does it): `gcloud iam service-accounts add-iam-policy-binding "
        "SERVICE_ACCOUNT --role=roles/iam.workloadIdentityUser --member=PRINCIPAL`; "
        "a binding that was made just now takes up to five minutes to be seen",
        propagating=True,
    ),
    Failure(
        id="binding-propagating",
        links=("impersonation",),
        symptom="the same for up to five minutes after a deployment, then no more",
        cause="a binding that was made just now is not seen by all of IAM's servers yet",
        confirm="Wait a minute and run the doctor again; "
        "`gcloud logging read 'protoPayload.methodName:SetIAMPolicy' --project=ACCOUNT_PROJECT --limit=3` says when",
        remedy="Wait; with provisioned concurrency Keyless waits in init, up to 100 s",
        propagating=True,
        seen_as="binding-missing",
    ),
    Failure(
        id="binding-to-session",
        links=("impersonation",),
        symptom="the same after the function was renamed or an autoscaling group has replaced an instance",
        cause="the binding is on principal://.../subject/ARN, the full ARN of one session, and this session has "
        "another name",
        confirm=f"Run `{POLICY} --flatten='bindings[].members' --filter=bindings.members:/subject/ "
        "--format='value(bindings.members)'` and compare with SESSION_ARN",
        remedy="Bind PRINCIPAL instead, which names the role and not its session",
        seen_as="binding-missing",
    ),
    Failure(
        id="service-account-missing",
        links=("impersonation",),
        status=404,
        words="",
        symptom="404 `Not found; Gaia id not found for email SERVICE_ACCOUNT`",
        cause="no such service account, or one so new that it is not seen yet",
        confirm=f"Run `{DESCRIBE}`",
        remedy="Check KEYLESS_SERVICE_ACCOUNT with `gcloud iam service-accounts describe`; deploy again if it is gone",
        propagating=True,
    ),
    Failure(
        id="service-account-disabled",
        links=("impersonation",),
        status=400,
        words="FAILED_PRECONDITION",
        also=(("impersonation", "service account is disabled"),),
        symptom="400 `FAILED_PRECONDITION`",
        cause="the service account is disabled",
        confirm=f"Run `{DESCRIBE} --format='value(disabled)'`: it must not say True",
        remedy="Enable it: `gcloud iam service-accounts enable SERVICE_ACCOUNT`",
        propagating=True,
    ),
    Failure(
        id="lifetime-over-policy",
        links=("impersonation",),
        status=400,
        words="lifetime",
        symptom="400 `INVALID_ARGUMENT` that speaks of the token's lifetime",
        cause="the token's lifetime is over what the project's organization allows (3600 s unless extended)",
        confirm="Run `gcloud resource-manager org-policies describe "
        "iam.allowServiceAccountCredentialLifetimeExtension --effective --project=ACCOUNT_PROJECT`",
        remedy="Lower KEYLESS_TOKEN_LIFETIME, or list the service account in the organization policy "
        "constraints/iam.allowServiceAccountCredentialLifetimeExtension",
    ),
    Failure(
        id="federated-token-refused",
        links=("impersonation",),
        status=401,
        words="UNAUTHENTICATED",
        symptom="401 `UNAUTHENTICATED` from iamcredentials.googleapis.com",
        cause="the federated token was good a moment ago and is not any more: its pool was disabled or deleted",
        confirm=USABLE,
        remedy=f"Deploy again if it is deleted (or {UNDELETE_POOL}); if somebody disabled it, ask why, then "
        f"{ENABLE_POOL}",
    ),
)
