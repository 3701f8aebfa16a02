"""Security Token Service v1: an AWS identity becomes a federated token."""

import asyncio
import json
import re
import time
import traceback
import urllib.parse
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.google.cloud import Cloud
from local.google.errors import GoogleError, OAuthError, service_disabled
from local.google.federation.mapping import Identity
from local.google.federation.pools import Pool, Provider
from local.google.federation.verification import SignedRequest
from local.google.http.admission import begin, finish, spend_quota
from local.google.http.bodies import MAX_BODY, read_body
from local.google.iam.principals import federated
from local.google.iam.tokens import Grant
from local.google.projects import CATALOGUE
from local.google.state.audit import DATA_READ, Entry

HOST = "sts.googleapis.com"
METHOD = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
LIFETIME = 3600
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
EXPECTED = {
    "grant_type": ("urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"),
    "requested_token_type": (ACCESS_TOKEN_TYPE, "invalid_request"),
    "subject_token_type": ("urn:ietf:params:aws:token-type:aws4_request", "invalid_request"),
}
AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/projects/([^/]+)/locations/global/workloadIdentityPools/([^/]+)/providers/([^/]+)"
)
BAD_AUDIENCE = (
    'Invalid value for "audience". This value should be the full resource name of the Identity Provider. See '
    "https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats."
)
BAD_TARGET = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or '
    "provider is disabled or deleted or because it doesn't exist."
)
SCOPE = re.compile(r"https://www\.googleapis\.com/auth/[a-z0-9._-]+")


def route(cloud: Cloud) -> Route:
    """POST /sts/v1/token."""

    async def exchange(request: Request) -> JSONResponse:
        entry, started = begin(HOST, METHOD, DATA_READ), time.monotonic()
        answer: dict[str, Any]
        try:
            answer, status = await _exchange(cloud, await _form(request), entry), 200
        except OAuthError as error:
            answer, status, entry.reason = error.body(), error.code, error.reason
        except GoogleError as error:
            answer, status, entry.reason = error.body(), error.code, error.message
        except Exception:
            traceback.print_exc()
            answer, status = GoogleError(500, "INTERNAL", "Internal error encountered.").body(), 500
        finish(cloud, entry, started, status)
        return JSONResponse(answer, status)

    return Route("/sts/v1/token", exchange, methods=["POST"])


async def _form(request: Request) -> dict[str, str]:
    """The parameters, from a form or, as in Google's own curl examples, from JSON in camelCase."""
    raw = await read_body(request, MAX_BODY)
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return {_snake(key): str(value) for key, value in json.loads(raw).items()}
        pairs = urllib.parse.parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True)
    except (ValueError, AttributeError) as error:
        raise OAuthError("invalid_request", "The request body is malformed.") from error
    if len({key for key, _ in pairs}) != len(pairs):
        raise OAuthError("invalid_request", "A parameter stands twice.")
    return dict(pairs)


async def _exchange(cloud: Cloud, form: Mapping[str, str], entry: Entry) -> dict[str, Any]:
    for key, (wanted, error) in EXPECTED.items():
        if form.get(key) != wanted:
            raise OAuthError(error, f'Invalid or missing value for "{key}". Expected {wanted}.')
    scopes = frozenset(form.get("scope", "").split())
    if not scopes or not all(SCOPE.fullmatch(scope) for scope in scopes):
        raise OAuthError("invalid_scope", "The scope is missing or not an OAuth scope of Google.")
    audience = form.get("audience", "")
    entry.resource = audience.removeprefix("//iam.googleapis.com/")
    pool, provider = _provider(cloud, audience)
    spend_quota(cloud, entry, {"project": pool.number})
    identity = await _verified(cloud, provider, SignedRequest.parse(form.get("subject_token", ""), audience), entry)
    principal = federated(pool.number, pool.id, identity.subject, identity.attributes, identity.groups)
    entry.principal = principal.name
    lifetime = cloud.tokens.lifetime(LIFETIME)
    grant = Grant(principal, scopes, time.time() + lifetime, lambda: pool.usable)
    return {
        "access_token": cloud.tokens.issue("ya29.d.", grant),
        "issued_token_type": ACCESS_TOKEN_TYPE,
        "token_type": "Bearer",
        "expires_in": lifetime,
    }


def _provider(cloud: Cloud, audience: str) -> tuple[Pool, Provider]:
    match = AUDIENCE.fullmatch(audience)
    if match is None:
        raise OAuthError("invalid_request", BAD_AUDIENCE)
    # By number only: the project's ID in its place is no valid target.
    pool = cloud.pools.find(match[1], match[2])
    provider = pool.providers.get(match[3]) if pool else None
    if pool is None or provider is None or not (pool.usable and provider.usable):
        raise OAuthError("invalid_target", BAD_TARGET)
    project = cloud.projects.find(pool.number)
    if project is None or HOST not in project.enabled:
        raise service_disabled(HOST, CATALOGUE[HOST], pool.number)
    return pool, provider


async def _verified(cloud: Cloud, provider: Provider, request: SignedRequest, entry: Entry) -> Identity:
    caller = await asyncio.to_thread(request.replay, cloud.settings.aws_endpoint)
    entry.aws_arn = caller.arn
    if caller.account != provider.account_id:
        raise OAuthError(
            "invalid_grant",
            "The AWS account of the credential is not the account that the provider trusts.",
            reason=f"account {caller.account} is not the provider's {provider.account_id}",
        )
    claims = {"arn": caller.arn, "account": caller.account, "userid": caller.user_id}
    return provider.compiled().identity(claims)


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)
