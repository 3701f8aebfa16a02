"""Failures of what surrounds the chain: settings, clock, network, organization, Google itself."""

from keyless.failures.commands import PROVIDER
from keyless.failures.failure import Failure, Link

GOOGLE: tuple[Link, ...] = ("sts-exchange", "impersonation", "api")
WAY: tuple[Link, ...] = ("network", *GOOGLE)

CONFIGURATION = (
    Failure(
        id="project-id-for-number",
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
        words="KEYLESS_AUDIENCE must have the form",
        symptom="`KEYLESS_AUDIENCE must have the form ...`",
        cause="the audience is not the full resource name of a workload identity provider",
        confirm=f"Run `{PROVIDER} --format='value(name)'`: the audience is //iam.googleapis.com/ and that",
        remedy="Set KEYLESS_AUDIENCE to //iam.googleapis.com/projects/NUMBER/locations/global/"
        "workloadIdentityPools/POOL/providers/PROVIDER",
    ),
    Failure(
        id="credential-file",
        links=("configuration",),
        words="GOOGLE_APPLICATION_CREDENTIALS (",
        symptom="`GOOGLE_APPLICATION_CREDENTIALS (PATH)` cannot be read, is of another type, or holds a key",
        cause="the file is no credential configuration of type external_account for AWS",
        confirm='Run `python -c \'import json, os; print(json.load(open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]))'
        '["type"])\'`: it must print external_account',
        remedy="Make it with `gcloud iam workload-identity-pools create-cred-config`, or set KEYLESS_AUDIENCE instead",
    ),
    Failure(
        id="settings",
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
        id="clock",
        links=("clock", "sts-exchange"),
        symptom="`invalid_grant` from Google, `Signature expired` or `Signature not yet current` from AWS",
        cause="this machine's clock is OFF, and a signed request is good for minutes only",
        confirm="Run `date -u; curl -sI https://sts.googleapis.com | grep -i ^date` and compare",
        remedy="Set the clock (Lambda keeps its own right; elsewhere run a time service)",
    ),
)

NETWORK = (
    Failure(
        id="dns",
        links=WAY,
        symptom="`Name or service not known`, `Temporary failure in name resolution`",
        cause="the host's name could not be resolved, so that it could not be reached",
        confirm="Run `getent hosts HOST` there",
        remedy="Check the VPC's DNS (enableDnsSupport, a private zone for googleapis.com that lacks this name), "
        "and KEYLESS_GOOGLE_ENDPOINT for a misspelled host",
        retryable=True,
    ),
    Failure(
        id="unreachable",
        links=WAY,
        symptom="`timed out`, `Connection refused`, `Network is unreachable`, a function in a VPC without a way out",
        cause="the host could not be reached in time",
        confirm="Run `curl -sv --max-time 5 https://HOST -o /dev/null` there; for a function in a VPC look at the "
        "subnet's route with `aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET`",
        remedy="Check the way out: a function in a VPC needs NAT or Private Service Connect, and DNS",
        retryable=True,
    ),
    Failure(
        id="proxy-refused",
        links=WAY,
        symptom="`Tunnel connection failed: 403` or `407`",
        cause="the proxy in HTTPS_PROXY could be reached but opens no tunnel to the host",
        confirm="Run `curl -sv --max-time 5 https://HOST -o /dev/null` there: the answer to CONNECT is the proxy's",
        remedy="Have the proxy allow HOST:443, put its user and password into HTTPS_PROXY, or the host into NO_PROXY",
        retryable=True,
    ),
    Failure(
        id="proxy-unreachable",
        links=("network",),
        symptom="`Connection refused` or `timed out`, with HTTPS_PROXY set",
        cause="the proxy in HTTPS_PROXY could not be reached, so that no host beyond it can",
        confirm='Run `curl -sv --max-time 5 "$HTTPS_PROXY" -o /dev/null` there',
        remedy="Mend HTTPS_PROXY, or the way to the proxy; unset it where there is none",
        retryable=True,
    ),
    Failure(
        id="tls-untrusted",
        links=WAY,
        symptom="`CERTIFICATE_VERIFY_FAILED`",
        cause="the host's TLS certificate was not trusted: something opens TLS on the way, or is taken for the host",
        confirm="Run `openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -issuer`: "
        "for a host of Google's it says Google Trust Services",
        remedy="If a proxy opens TLS on the way, put its root into the file that SSL_CERT_FILE names; "
        "a clock that is far off makes every certificate look expired",
    ),
    Failure(
        id="not-google",
        links=WAY,
        symptom="`the answer is not in Google's form`",
        cause="the answer is not in Google's form",
        confirm="Run `curl -s https://HOST/ | head -c 300` there and see who answers",
        remedy="Check what answers at this address: a proxy, or an endpoint set by KEYLESS_GOOGLE_ENDPOINT",
    ),
)

ANYWHERE = (
    Failure(
        id="vpc-service-controls",
        links=GOOGLE,
        status=403,
        words="Request is prohibited by organization's policy",
        symptom="403 `Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: ...`",
        cause="a perimeter of VPC Service Controls keeps this identity or network out",
        confirm="Search the audit log: `gcloud logging read "
        "'protoPayload.metadata.@type:VpcServiceControlAuditMetadata' --project=PROJECT --limit=5`",
        remedy="Add an ingress rule for this identity (PRINCIPAL, and the service account) to the perimeter",
    ),
    Failure(
        id="quota",
        links=GOOGLE,
        status=429,
        symptom="429 `RESOURCE_EXHAUSTED`, `Quota exceeded for quota metric`",
        cause="Google asks for fewer requests",
        confirm="Look at the quotas of sts.googleapis.com, iamcredentials.googleapis.com and the API: "
        "`gcloud services list --enabled --project=PROJECT`, then IAM & Admin > Quotas in the console",
        remedy="Try again later; if it stays, raise the quota or share one process between more requests",
        retryable=True,
    ),
    Failure(
        id="google-ails",
        links=GOOGLE,
        symptom="any 5xx, 408",
        cause="Google could not answer",
        confirm="Run `curl -s https://status.cloud.google.com/incidents.json | head -c 2000`",
        remedy="Try again; see https://status.cloud.google.com",
        retryable=True,
    ),
    Failure(
        id="unknown",
        links=GOOGLE,
        symptom="any other refusal",
        cause="Google refused the request",
        confirm="Run `python -m keyless doctor` in the same place, and "
        "`gcloud logging read 'severity>=ERROR' --project=PROJECT --freshness=1h --limit=5`",
        remedy="Google's words say why; check the link that failed first",
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
