"""What the chain's failures mean: Google's words on one side, the likely cause and the remedy on the other."""

from dataclasses import dataclass
from typing import Literal

Link = Literal["aws-credentials", "sts-exchange", "impersonation", "api"]
"""The links of the chain, in the order in which a request passes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The likely cause of a failure and its remedy, both as a sentence without its full stop.

    `retryable`: the same request may well succeed in a moment. `propagating`: it may succeed in some
    minutes, if what it needs was created just now (IAM changes take up to five minutes to be seen).
    """

    cause: str
    remedy: str
    retryable: bool = False
    propagating: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A failure that is recognised by its link, its HTTP status (None: any) and a part of Google's words."""

    link: Link
    status: int | None
    words: str
    diagnosis: Diagnosis


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "sts-exchange",
        400,
        "rejected by the attribute condition",
        Diagnosis(
            cause="the provider's attribute condition is false for this AWS role",
            remedy="Name the function's role in the federation (attach_to does it) and deploy again; "
            "compare the condition with the ARN that `aws sts get-caller-identity` prints for this role",
        ),
    ),
    Entry(
        "sts-exchange",
        400,
        'Invalid value for "audience"',
        Diagnosis(
            cause="the audience is not the full resource name of a workload identity provider",
            remedy="Set KEYLESS_AUDIENCE to //iam.googleapis.com/projects/NUMBER/locations/global/"
            "workloadIdentityPools/POOL/providers/PROVIDER",
        ),
    ),
    Entry(
        "sts-exchange",
        400,
        "invalid_target",
        Diagnosis(
            cause="no such provider: the pool or provider is missing, disabled or deleted, "
            "or the audience names the project by its ID where Google wants its number",
            remedy="Check it with `gcloud iam workload-identity-pools providers describe`; "
            "a deleted one can be undeleted for 30 days",
            propagating=True,
        ),
    ),
    Entry(
        "sts-exchange",
        400,
        "google.subject exceeds the 127 bytes limit",
        Diagnosis(
            cause="the ARN of the session is longer than google.subject may be (127 bytes)",
            remedy='Shorten the names: role name + "/" + function name must fit in 88 bytes',
        ),
    ),
    Entry(
        "sts-exchange",
        400,
        "invalid_grant",
        Diagnosis(
            cause="AWS did not confirm the signed request to Google: expired or wrong AWS credentials, "
            "a clock that is off, or an AWS account that the provider does not trust",
            remedy="Check with `aws sts get-caller-identity` from the same place that the credentials "
            "are good and that the account is the provider's",
        ),
    ),
    Entry(
        "impersonation",
        403,
        "SERVICE_DISABLED",
        Diagnosis(
            cause="the IAM Service Account Credentials API is not enabled in the project",
            remedy="Enable it: `gcloud services enable iamcredentials.googleapis.com`",
            propagating=True,
        ),
    ),
    Entry(
        "impersonation",
        403,
        "iam.serviceAccounts.getAccessToken",
        Diagnosis(
            cause="this role may not impersonate the service account, or no such account exists",
            remedy="Grant roles/iam.workloadIdentityUser on the service account to the principalSet of "
            "attribute.aws_role/ROLE; a binding that was made just now takes up to five minutes to be seen",
            propagating=True,
        ),
    ),
    Entry(
        "impersonation",
        404,
        "",
        Diagnosis(
            cause="no such service account, or one so new that it is not seen yet",
            remedy="Check KEYLESS_SERVICE_ACCOUNT with `gcloud iam service-accounts describe`",
            propagating=True,
        ),
    ),
    Entry(
        "impersonation",
        400,
        "lifetime",
        Diagnosis(
            cause="the token's lifetime is over what the project's organization allows (3600 s unless extended)",
            remedy="Lower KEYLESS_TOKEN_LIFETIME, or list the service account in the organization policy "
            "constraints/iam.allowServiceAccountCredentialLifetimeExtension",
        ),
    ),
    Entry(
        "api",
        401,
        "",
        Diagnosis(
            cause="the API did not accept the token: it has expired, or its pool was disabled or deleted",
            remedy="Check that the pool is enabled; the next request makes a new token",
        ),
    ),
)

TOO_MANY = Diagnosis(
    cause="Google asks for fewer requests",
    remedy="Try again later; if it stays, raise the quota or share one process between more requests",
    retryable=True,
)
GOOGLE_AILS = Diagnosis(
    cause="Google could not answer", remedy="Try again; see https://status.cloud.google.com", retryable=True
)
UNREACHABLE = Diagnosis(
    cause="the host could not be reached in time",
    remedy="Check the way out: a function in a VPC needs NAT or Private Service Connect, and DNS",
    retryable=True,
)
UNTRUSTED = Diagnosis(
    cause="the host's TLS certificate was not trusted",
    remedy="If a proxy opens TLS on the way, put its root into the file that SSL_CERT_FILE names; "
    "a clock that is far off makes every certificate look expired",
)
NOT_GOOGLE = Diagnosis(
    cause="the answer is not in Google's form",
    remedy="Check what answers at this address: a proxy, or an endpoint set by KEYLESS_GOOGLE_ENDPOINT",
)
UNKNOWN = Diagnosis(
    cause="Google refused the request", remedy="Google's words say why; check the link that failed first"
)


def clock_is_off(seconds: float) -> Diagnosis:
    """The diagnosis when Google refused a request that was signed by a clock `seconds` ahead of Google's own."""
    return Diagnosis(
        cause=f"this machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} Google's, "
        "and a signed request is good for minutes only",
        remedy="Set the clock (Lambda keeps its own right; elsewhere run a time service)",
    )


def diagnose(link: Link, status: int, words: str) -> Diagnosis:
    """The diagnosis for an HTTP answer other than 200, from Google's own words about it."""
    if status == 429:
        return TOO_MANY
    if status >= 500 or status == 408:
        return GOOGLE_AILS
    for entry in ENTRIES:
        if entry.link == link and entry.status in (None, status) and entry.words in words:
            return entry.diagnosis
    return UNKNOWN
