"""The checks before anything is sent to Google: settings, AWS's credentials, and who they say we are."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from google.auth.exceptions import TransportError
from keyless.aws.container import ContainerSupplier, supplier_for
from keyless.chain.clock import ahead, off_by
from keyless.chain.links import subject_token
from keyless.config import Config
from keyless.doctor.diagnosis import MOST_BYTES, Patient
from keyless.doctor.report import Check
from keyless.errors import AwsCredentialsError, ConfigurationError, without_secrets
from keyless.failures import lookup
from keyless.net.connections import Connections
from keyless.net.transport import Response
from keyless.variables import is_safe

TIMEOUT = 3.0
"""Seconds for an answer that the chain does not need."""

NOTICEABLE, TOO_FAR = 60.0, 300.0
"""Seconds that a clock may be off: AWS takes requests that reach it within five minutes of their time (IAM User Guide,
"AWS Signature Version 4 for API requests")."""


def configuration(patient: Patient) -> Iterator[Check]:
    """Whether the settings are whole."""
    try:
        patient.config = config = Config.require(patient.environ)
    except ConfigurationError as error:
        known = [lookup.diagnose("configuration", None, problem) for problem in error.problems]
        worst = next((failure for failure in known if failure.id != "settings"), known[0])
        detail, *more = error.problems
        named = re.search(r"/projects/([a-z][a-z0-9-]*)/", patient.environ.get("KEYLESS_AUDIENCE", ""))
        facts = {"PROJECT": named[1]} if named else {}
        yield patient.ill("configuration", "settings", worst, detail=detail, more=tuple(more), facts=facts)
        return
    patient.connections = Connections(config)
    whom = config.service_account or "the federated identity itself"
    more = [f"{name}: {value}" for name, value in _told(config).items() if value]
    yield patient.ok("configuration", "settings", f"{whom} in {config.project}", *more)


def credentials(patient: Patient) -> Iterator[Check]:
    """Whether AWS gives any, and which supplier has them."""
    patient.supplier = supplier = supplier_for(patient.environ)
    container = isinstance(supplier, ContainerSupplier)
    try:
        region = supplier.get_aws_region(None, patient.request)
        keys = supplier.get_aws_security_credentials(None, patient.request)
    except AwsCredentialsError as error:
        yield patient.ill("aws-credentials", "credentials", error)
        return
    patient.keep(keys)
    where = "the container endpoint" if container else "variables"
    kind = "of a session" if keys.session_token else "without a session token: a user's"
    yield patient.ok("aws-credentials", "credentials", f"from {where}, {kind}, for {region}", type(supplier).__name__)


def identity(patient: Patient) -> Iterator[Check]:
    """Who AWS says we are. We ask with what Google would ask with; that AWS cannot be reached breaks nothing."""
    host = f"sts.{patient.supplier.get_aws_region(None, patient.request)}.amazonaws.com"
    try:
        answer = _get_caller_identity(patient)
    except TransportError as failure:
        away = lookup.find("aws-unreachable").of(HOST=host)
        yield patient.ill("identity", host, away, verdict="warning", words=without_secrets(str(failure)))
        return
    patient.ahead[host] = ahead(answer)
    text = answer.data.decode(errors="replace")
    arn = re.search(r"arn:aws[\w-]*:(?:iam|sts)::\d{12}:[^<\"\s]+", text, re.ASCII)
    if answer.status == 200 and arn:
        patient.arn = arn[0]
        yield from _who(patient)
        return
    said = dict(re.findall(r"<(Code|Message)>([^<]*)", text))
    yield _refused(
        patient, host, answer.status, said.get("Code", ""), without_secrets(" ".join(said.values()) or text)[:200]
    )


def clock(patient: Patient) -> Iterator[Check]:
    """Our clock against the Date of AWS's answer, or of Google's STS when there was none."""
    if not patient.ahead:
        try:
            answer = patient.request(patient.config.token_url, timeout=TIMEOUT)
            patient.ahead[urlsplit(patient.config.token_url).hostname or ""] = ahead(answer)
        except TransportError:
            yield patient.ok("clock", "clock", "nobody answered who could tell the time", verdict="skipped")
            return
    (host, seconds), *_ = patient.ahead.items()
    off = lookup.find("clock").of(OFF=off_by(seconds, host))
    if abs(seconds) >= TOO_FAR:
        yield patient.ill("clock", "clock", off)
    elif abs(seconds) >= NOTICEABLE:
        yield patient.ill("clock", "clock", off, verdict="warning")
    else:
        yield patient.ok("clock", "clock", f"{abs(seconds):.0f} s from {host}'s")


def _told(config: Config) -> dict[str, str]:
    proxy = urlsplit(config.proxy or "")
    return {
        "audience": config.audience,
        "scopes": " ".join(config.scopes),
        "token lifetime": f"{config.token_lifetime} s",
        "APIs": " ".join(config.apis),
        "hosts": " ".join(dict.fromkeys(urlsplit(url).netloc for url in config.urls())),
        "roots": config.ca_file or "",
        "proxy": f"{proxy.hostname}:{proxy.port}" if config.proxy else "",
    }


def _get_caller_identity(patient: Patient) -> Response:
    """AWS's answer to the very request that a subject token holds; TransportError when there is none.

    AWS_ENDPOINT_URL, as AWS's SDKs have it, says where AWS is; what is signed stays the same.
    """
    signed = json.loads(unquote(subject_token(patient.config, patient.supplier, patient.request)))
    headers = {header["key"]: header["value"] for header in signed["headers"]}
    headers["Host"] = headers.pop("host")
    patient.hide(*headers["Authorization"].split("Signature=")[1:])
    url = urlsplit(signed["url"])
    named = patient.environ.get("AWS_ENDPOINT_URL_STS") or patient.environ.get("AWS_ENDPOINT_URL") or ""
    address = named if is_safe(named) else f"https://{url.netloc}"
    return patient.request(f"{address.rstrip('/')}/?{url.query}", "POST", b"", headers, TIMEOUT)


def _who(patient: Patient) -> Iterator[Check]:
    count = len(patient.arn.encode())
    size = f"google.subject: {count} of {MOST_BYTES} bytes"
    told: dict[str, Any] = {"detail": patient.arn, "more": (size,), "verdict": "warning"}
    if not patient.role:
        yield patient.ill("identity", "caller identity", lookup.find("not-a-role"), **told)
    elif count > MOST_BYTES:
        yield patient.ill("identity", "caller identity", lookup.find("subject-may-be-too-long"), **told)
    else:
        parts = f"role {patient.role}, session {patient.session}"
        yield patient.ok("identity", "caller identity", patient.arn, parts, size)


def _refused(patient: Patient, host: str, status: int, code: str, said: str) -> Check:
    if re.search("Signature (expired|not yet current)", said):
        off = lookup.find("clock").of(OFF=off_by(patient.ahead[host], host))
        return patient.ill("clock", host, off, words=said, status=status)
    failure = lookup.diagnose("aws-credentials", status, said)
    if not code or code == "AccessDenied":  # of a proxy, of a VPC endpoint: Google comes another way
        failure = lookup.find("aws-unreachable")
    if (
        failure.id == "aws-credentials-expired"
        and patient.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    ):
        failure = lookup.find("snapstart-restore")
    if "aws-credentials" in failure.links:
        return patient.ill("aws-credentials", host, failure, words=said, status=status)
    away = lookup.find("aws-unreachable").of(HOST=host)
    return patient.ill("identity", host, away, verdict="warning", words=said, status=status)
