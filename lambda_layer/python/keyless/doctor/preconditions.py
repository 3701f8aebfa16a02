"""The checks before anything is sent to Google: settings, AWS's credentials, the caller's identity, the clock."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from google.auth.exceptions import TransportError
from keyless import failures
from keyless.aws.container import ContainerSupplier, supplier_for
from keyless.chain.clock import ahead, off_by
from keyless.chain.links import sts_region, subject_token
from keyless.config import Config
from keyless.doctor.diagnosis import MOST_BYTES, Diagnosis
from keyless.doctor.report import Check
from keyless.errors import AwsCredentialsError, ConfigurationError, without_secrets
from keyless.net.connections import Connections
from keyless.net.transport import Response
from keyless.variables import is_safe

TIMEOUT = 3.0
"""Seconds for a response that the chain does not need."""

NOTICEABLE, TOO_FAR = 60.0, 300.0
"""Seconds that a clock may be off: AWS takes requests that reach it within five minutes of their time (IAM User Guide,
"AWS Signature Version 4 for API requests")."""


def configuration(diagnosis: Diagnosis) -> Iterator[Check]:
    """Check that the settings are complete."""
    try:
        diagnosis.config = config = Config.require(diagnosis.environ)
    except ConfigurationError as error:
        known = [failures.diagnose("configuration", None, problem) for problem in error.problems]
        worst = next((failure for failure in known if failure.id != "settings-invalid"), known[0])
        detail, *more = error.problems
        named = re.search(r"/projects/([a-z][a-z0-9-]*)/", diagnosis.environ.get("KEYLESS_AUDIENCE", ""))
        facts = {"PROJECT": named[1]} if named else {}
        yield diagnosis.failed("configuration", "settings", worst, detail=detail, more=tuple(more), facts=facts)
        return
    diagnosis.connections = Connections(config)
    whom = config.service_account or "the federated identity itself"
    more = [f"{name}: {value}" for name, value in _summary(config).items() if value]
    yield diagnosis.ok("configuration", "settings", f"{whom} in {config.project}", *more)


def credentials(diagnosis: Diagnosis) -> Iterator[Check]:
    """Check that there are AWS credentials, and say where they come from."""
    diagnosis.supplier = supplier = supplier_for(diagnosis.environ)
    container = isinstance(supplier, ContainerSupplier)
    try:
        region = supplier.get_aws_region(None, diagnosis.request)
        keys = supplier.get_aws_security_credentials(None, diagnosis.request)
    except AwsCredentialsError as error:
        yield diagnosis.failed("aws-credentials", "credentials", error)
        return
    diagnosis.hide_keys(keys)
    where = "the container endpoint" if container else "variables"
    kind = "of a session" if keys.session_token else "without a session token: a user's"
    yield diagnosis.ok("aws-credentials", "credentials", f"from {where}, {kind}, for {region}", type(supplier).__name__)


def identity(diagnosis: Diagnosis) -> Iterator[Check]:
    """Ask AWS for the caller's identity, with the request that Google would send; no answer is only a warning."""
    host = f"sts.{sts_region(diagnosis.config, diagnosis.supplier, None, diagnosis.request)}.amazonaws.com"
    try:
        answer = _get_caller_identity(diagnosis)
    except TransportError as failure:
        away = failures.find("aws-unreachable").of(HOST=host)
        yield diagnosis.failed("identity", host, away, verdict="warning", words=without_secrets(str(failure)))
        return
    diagnosis.ahead[host] = ahead(answer)
    text = answer.data.decode(errors="replace")
    arn = re.search(r"arn:aws[\w-]*:(?:iam|sts)::\d{12}:[^<\"\s]+", text, re.ASCII)
    if answer.status == 200 and arn:
        diagnosis.arn = arn[0]
        yield from _caller(diagnosis)
        return
    said = dict(re.findall(r"<(Code|Message)>([^<]*)", text))
    yield _refused(
        diagnosis, host, answer.status, said.get("Code", ""), without_secrets(" ".join(said.values()) or text)[:200]
    )


def clock(diagnosis: Diagnosis) -> Iterator[Check]:
    """Compare our clock with the Date of AWS's answer, or of Google's STS when there was none."""
    if not diagnosis.ahead:
        try:
            answer = diagnosis.request(diagnosis.config.token_url, timeout=TIMEOUT)
            diagnosis.ahead[urlsplit(diagnosis.config.token_url).hostname or ""] = ahead(answer)
        except TransportError:
            yield diagnosis.ok("clock", "clock", "nobody answered who could tell the time", verdict="skipped")
            return
    (host, seconds), *_ = diagnosis.ahead.items()
    off = failures.find("clock-skew").of(OFF=off_by(seconds, host))
    if abs(seconds) >= TOO_FAR:
        yield diagnosis.failed("clock", "clock", off)
    elif abs(seconds) >= NOTICEABLE:
        yield diagnosis.failed("clock", "clock", off, verdict="warning")
    else:
        yield diagnosis.ok("clock", "clock", f"{abs(seconds):.0f} s from {host}'s")


def _summary(config: Config) -> dict[str, str]:
    proxy = urlsplit(config.proxy or "")
    return {
        "audience": config.audience,
        "scopes": " ".join(config.scopes),
        "quota project": config.quota_project or "",
        "token lifetime": f"{config.token_lifetime} s",
        "APIs": " ".join(config.apis),
        "hosts": " ".join(dict.fromkeys(urlsplit(url).netloc for url in config.urls())),
        "roots": config.ca_file or "",
        "proxy": f"{proxy.hostname}:{proxy.port}" if config.proxy else "",
    }


def _get_caller_identity(diagnosis: Diagnosis) -> Response:
    """Return AWS's answer to the request that a subject token holds; TransportError when there is none.

    AWS_ENDPOINT_URL, as AWS's SDKs have it, says where AWS is; what is signed stays the same.
    """
    signed = json.loads(unquote(subject_token(diagnosis.config, diagnosis.supplier, diagnosis.request)))
    headers = {header["key"]: header["value"] for header in signed["headers"]}
    headers["Host"] = headers.pop("host")
    diagnosis.hide(*headers["Authorization"].split("Signature=")[1:])
    url = urlsplit(signed["url"])
    named = diagnosis.environ.get("AWS_ENDPOINT_URL_STS") or diagnosis.environ.get("AWS_ENDPOINT_URL") or ""
    address = named if is_safe(named) else f"https://{url.netloc}"
    return diagnosis.request(f"{address.rstrip('/')}/?{url.query}", "POST", b"", headers, TIMEOUT)


def _caller(diagnosis: Diagnosis) -> Iterator[Check]:
    count = len(diagnosis.arn.encode())
    size = f"google.subject: {count} of {MOST_BYTES} bytes"
    told: dict[str, Any] = {"detail": diagnosis.arn, "more": (size,), "verdict": "warning"}
    if not diagnosis.role:
        yield diagnosis.failed("identity", "caller identity", failures.find("caller-not-a-role"), **told)
    elif count > MOST_BYTES:
        yield diagnosis.failed("identity", "caller identity", failures.find("subject-may-be-too-long"), **told)
    else:
        parts = f"role {diagnosis.role}, session {diagnosis.session}"
        yield diagnosis.ok("identity", "caller identity", diagnosis.arn, parts, size)


def _refused(diagnosis: Diagnosis, host: str, status: int, code: str, said: str) -> Check:
    if re.search("Signature (expired|not yet current)", said):
        off = failures.find("clock-skew").of(OFF=off_by(diagnosis.ahead[host], host))
        return diagnosis.failed("clock", host, off, words=said, status=status)
    failure = failures.diagnose("aws-credentials", status, said)
    if not code or code == "AccessDenied":  # of a proxy, of a VPC endpoint: Google comes another way
        failure = failures.find("aws-unreachable")
    if (
        failure.id == "aws-credentials-expired"
        and diagnosis.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    ):
        failure = failures.find("snapstart-restore")
    if "aws-credentials" in failure.links:
        return diagnosis.failed("aws-credentials", host, failure, words=said, status=status)
    away = failures.find("aws-unreachable").of(HOST=host)
    return diagnosis.failed("identity", host, away, verdict="warning", words=said, status=status)
