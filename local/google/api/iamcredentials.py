"""IAM Credentials v1: short-lived tokens of service accounts, for those who may impersonate them."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from local.google.errors import GoogleError, error_info, failed_precondition, invalid_argument, not_found
from local.google.http.bodies import strings
from local.google.http.methods import Call, Json, Method
from local.google.iam.principals import Principal, service_account
from local.google.iam.service_accounts import ServiceAccount
from local.google.iam.tokens import Grant
from local.google.state.audit import DATA_READ

ACCOUNT = "/v1/projects/{project}/serviceAccounts/{account}"
LIFETIME = re.compile(r"([0-9]{1,9})(?:\.[0-9]{1,9})?s")
DEFAULT_SECONDS, MAX_SECONDS, MAX_EXTENDED_SECONDS = 3600, 3600, 43200
EXTENSION_POLICY = "constraints/iam.allowServiceAccountCredentialLifetimeExtension"


def generate_access_token(call: Call) -> Json:
    """projects.serviceAccounts.generateAccessToken"""
    call.entry.resource = f"projects/-/serviceAccounts/{call.path['account']}"
    if call.path["project"] != "-":
        raise invalid_argument("The project must be the wildcard -: projects/-/serviceAccounts/ACCOUNT.")
    scopes, seconds = _scopes(call), _seconds(call)
    chain = [_account(call, name.rpartition("/")[2]) for name in strings(call.body, "delegates")]
    target = _account(call, call.path["account"])
    _require_chain(call, chain, target)
    if target.disabled:
        raise failed_precondition("Service account is disabled.")
    expires = time.time() + call.cloud.tokens.lifetime(seconds)
    principal = service_account(target.email, delegation=call.principal.delegation or call.principal.name)
    grant = Grant(principal, scopes, expires, lambda: _lives(call, target))
    return {
        "accessToken": call.cloud.tokens.issue("ya29.c.", grant),
        "expireTime": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _lives(call: Call, account: ServiceAccount) -> bool:
    """An account that was deleted and made anew is another: its tokens do not come back."""
    return call.cloud.accounts.find(account.email) is account and not account.disabled


def _account(call: Call, key: str) -> ServiceAccount:
    account = call.cloud.accounts.find(key)
    if account is None:
        raise not_found(f"Not found; Gaia id not found for email {key}")
    return account


def _require_chain(call: Call, delegates: Sequence[ServiceAccount], target: ServiceAccount) -> None:
    caller: Principal = call.principal
    for delegate in delegates:
        _require(call, caller, "implicitDelegation", delegate)
        caller = service_account(delegate.email, delegation=None)
    _require(call, caller, "getAccessToken", target)


def _require(call: Call, caller: Principal, verb: str, account: ServiceAccount) -> None:
    permission = f"iam.serviceAccounts.{verb}"
    if not call.cloud.access.allowed(caller, permission, account.resource, account.project.resource):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource (or it may not exist).",
            error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission),
        )


def _scopes(call: Call) -> frozenset[str]:
    scopes = strings(call.body, "scope")
    if not scopes:
        raise invalid_argument("Request contains an invalid argument: scope is required.")
    return frozenset(scopes)


def _seconds(call: Call) -> int:
    match = LIFETIME.fullmatch(str(call.body.get("lifetime") or f"{DEFAULT_SECONDS}s"))
    seconds = int(match[1]) if match else 0
    if not 0 < seconds <= MAX_EXTENDED_SECONDS:
        raise invalid_argument("Request contains an invalid argument: lifetime must be between 1s and 43200s.")
    if seconds > MAX_SECONDS and not call.cloud.settings.long_lifetimes:
        raise invalid_argument(
            "Request contains an invalid argument: a lifetime over 3600s needs the organization policy constraint "
            f"`{EXTENSION_POLICY}` to allow this service account."
        )
    return seconds


METHODS = [
    Method("POST", ACCOUNT + ":generateAccessToken", "GenerateAccessToken", generate_access_token, data=DATA_READ)
]
