"""Failures of the network, and of Google itself, which any link can meet."""

from keyless.failures.failure import Failure, Link

GOOGLE: tuple[Link, ...] = ("sts-exchange", "impersonation", "api")
ANY_HOST: tuple[Link, ...] = ("network", *GOOGLE)

NETWORK = (
    Failure(
        id="dns-failure",
        links=ANY_HOST,
        symptom="`Name or service not known`, `Temporary failure in name resolution`",
        cause="the host's name could not be resolved, so that it could not be reached",
        confirm="Run `getent hosts HOST` there",
        remedy="Check the VPC's DNS (enableDnsSupport, a private zone for googleapis.com that lacks this name), "
        "and KEYLESS_GOOGLE_ENDPOINT for a misspelled host",
        retryable=True,
    ),
    Failure(
        id="host-unreachable",
        links=ANY_HOST,
        symptom="`timed out`, `Connection refused`, `Network is unreachable`, a function in a VPC without a way out",
        cause="the host could not be reached in time",
        confirm="Run `curl -sv --max-time 5 https://HOST -o /dev/null` there; for a function in a VPC look at the "
        "subnet's route with `aws ec2 describe-route-tables --filters Name=association.subnet-id,Values=SUBNET`",
        remedy="Check the way out: a function in a VPC needs NAT or Private Service Connect, and DNS",
        retryable=True,
    ),
    Failure(
        id="proxy-refused",
        links=ANY_HOST,
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
        links=ANY_HOST,
        symptom="`CERTIFICATE_VERIFY_FAILED`",
        cause="the host's TLS certificate was not trusted: something opens TLS on the way, or is taken for the host",
        confirm="Run `openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -issuer`: "
        "for a host of Google's it says Google Trust Services",
        remedy="If a proxy opens TLS on the way, put its root into the file that SSL_CERT_FILE names; "
        "a clock that is far off makes every certificate look expired",
    ),
    Failure(
        id="response-not-from-google",
        links=ANY_HOST,
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
        id="quota-exceeded",
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
        id="google-unavailable",
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
