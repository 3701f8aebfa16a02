"""The links of the chain, one function each: sign, exchange, impersonate.

Sources: google.aip.dev/auth/4117 (external accounts); Google's guide "Configure Workload Identity Federation
with AWS" for the form of the signed request; the reference of projects.serviceAccounts.generateAccessToken.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlencode

from google.auth.aws import AwsSecurityCredentialsSupplier, RequestSigner
from google.auth.exceptions import TransportError
from google.auth.external_account import SupplierContext
from keyless import failures
from keyless.config import Config
from keyless.errors import ApiError, ChainError, ExchangeError, ImpersonationError, without_secrets
from keyless.external_account import AWS_SUBJECT_TOKEN_TYPE
from keyless.net.transport import TIMEOUT, Request, Response

VERIFICATION_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
TARGET_RESOURCE = "x-goog-cloud-target-resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token of Google, and when it expires: seconds since the epoch, by our own clock."""

    value: str = field(repr=False)
    expires_at: float


def subject_token(config: Config, supplier: AwsSecurityCredentialsSupplier, request: Request) -> str:
    """Return a GetCallerIdentity request, signed for AWS and serialized as Google wants it.

    google-auth sends `x-goog-cloud-target-resource` unsigned. Here it is signed, as Google recommends: a
    request that is caught on the way cannot be turned to another provider. Raises AwsCredentialsError.
    """
    context = SupplierContext(AWS_SUBJECT_TOKEN_TYPE, config.audience)
    region = sts_region(config, supplier, context, request)
    signed = RequestSigner(region).get_request_options(
        supplier.get_aws_security_credentials(context, request),
        VERIFICATION_URL.replace("{region}", region),
        "POST",
        additional_headers={TARGET_RESOURCE: config.audience},
    )
    headers = [{"key": key, "value": value} for key, value in signed["headers"].items()]
    serialized = {"url": signed["url"], "method": signed["method"], "headers": headers}
    return quote(json.dumps(serialized, separators=(",", ":"), sort_keys=True))


def sts_region(
    config: Config, supplier: AwsSecurityCredentialsSupplier, context: SupplierContext | None, request: Request
) -> str:
    """Return the region whose STS vouches for the caller: the configured one, else the supplier's."""
    return config.sts_region or supplier.get_aws_region(context, request)


def federated_token(
    config: Config, request: Request, subject: str, scopes: Sequence[str], *, timeout: float = TIMEOUT
) -> Token:
    """Exchange a signed request for a federated token at Google's STS; ExchangeError when it gives none."""
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": config.audience,
        "scope": " ".join(scopes),
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": subject,
        "subject_token_type": AWS_SUBJECT_TOKEN_TYPE,
    }
    call = _Call(ExchangeError, config.audience, secrets=_secrets(subject))
    sent = time.time()
    answer = call.post(request, config.token_url, urlencode(form).encode(), timeout)
    try:
        return Token(value=str(answer["access_token"]), expires_at=sent + int(answer["expires_in"]))
    except (KeyError, ValueError, TypeError):
        raise call.not_google() from None


def service_account_token(
    config: Config, request: Request, federated: Token, scopes: Sequence[str], *, timeout: float = TIMEOUT
) -> Token:
    """Exchange a federated token for the service account's; ImpersonationError when Google gives none."""
    body = json.dumps({"scope": list(scopes), "lifetime": f"{config.token_lifetime}s"}).encode()
    call = _Call(ImpersonationError, config.service_account or "", secrets=(federated.value,))
    headers = {"Authorization": f"Bearer {federated.value}", "Content-Type": "application/json"}
    sent = time.time()
    answer = call.post(request, config.impersonation_url or "", body, timeout, headers)
    try:
        # Google's clock may be ahead of ours: never believe in more than was asked for.
        expires_at = datetime.fromisoformat(answer["expireTime"]).timestamp()
        return Token(value=str(answer["accessToken"]), expires_at=min(expires_at, sent + config.token_lifetime))
    except (KeyError, ValueError, TypeError):
        raise call.not_google() from None


def api_refusal(host: str, response: Response) -> ApiError:
    """Return the error for an API's response other than 200 to a request with a token."""
    words = without_secrets(words_of(response))
    return ApiError(host, failures.diagnose("api", response.status, words), status=response.status, words=words)


def _secrets(subject: str) -> tuple[str, ...]:
    """Return a subject token in every form in which a response could repeat it, whole or in parts."""
    signed = json.loads(unquote(subject))
    values = [header["value"] for header in signed["headers"] if header["key"] not in ("host", TARGET_RESOURCE)]
    return (subject, unquote(subject), quote_plus(subject), *values)


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class _Call:
    """A POST that returns JSON, or raises the link's own error with Google's words in it."""

    error: type[ChainError]
    subject: str
    secrets: tuple[str, ...] = field(repr=False)

    def post(
        self, request: Request, url: str, body: bytes, timeout: float, headers: Mapping[str, str] = _FORM
    ) -> Mapping[str, Any]:
        try:
            response = request(url, "POST", body, headers, timeout)
        except TransportError as failure:
            why = failure.__cause__
            words = without_secrets(str(failure), *self.secrets)
            raise self.error(self.subject, failures.unreachable(why), words=words) from why
        if response.status != 200:
            words = without_secrets(words_of(response), *self.secrets)
            known = failures.diagnose(self.error.link, response.status, words)
            refusal = known if in_googles_form(response) else failures.find("response-not-from-google")
            raise self.error(self.subject, refusal, status=response.status, words=words)
        answer = _json(response)
        if not answer:
            raise self.not_google()
        return answer

    def not_google(self) -> ChainError:
        """Return the error for a response 200 without a token. Its content is not repeated: it may be secret."""
        return self.error(self.subject, failures.find("response-not-from-google"), status=200)


def _json(response: Response) -> Mapping[str, Any]:
    try:
        content = json.loads(response.data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def in_googles_form(response: Response) -> bool:
    """Return whether a refusal comes from Google, by the form of the response.

    A proxy in between sends pages of its own. 408, 429 and 5xx mean the same whoever says them.
    """
    return "error" in _json(response) or response.status in (408, 429) or response.status >= 500


def words_of(response: Response) -> str:
    """Return Google's words in an error body: OAuth's form at STS, google.rpc.Status elsewhere, else the raw text."""
    error = _json(response).get("error")
    if isinstance(error, str):
        description = _json(response).get("error_description")
        return f"{error}: {description}" if description else error
    if isinstance(error, dict):
        # BigQuery says `errors` where newer APIs say `details`; the rate limit's reason stands there alone.
        listed = [*(error.get("details") or []), *(error.get("errors") or [])]
        details = [detail for detail in listed if isinstance(detail, dict)]
        reasons = [str(detail["reason"]) for detail in details if "reason" in detail]
        named = dict.fromkeys(str(part) for part in (error.get("status"), *reasons) if part)
        return f"{' '.join(named)}: {error.get('message', '')}"
    return response.data.decode(errors="replace")
