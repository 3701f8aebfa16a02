"""Each link alone: what it sends, and what it makes of each answer."""

import json
from typing import Any
from urllib.parse import parse_qs, quote, unquote

import google.auth.aws
import pytest
from keyless import ChainError, EnvironmentSupplier, ExchangeError, ImpersonationError
from keyless.chain.links import Token, federated_token, service_account_token, subject_token
from keyless.config import Config
from keyless.net.connections import connections_for
from keyless.net.transport import Request

from tests.unit.google_server import ACCOUNT, AUDIENCE, DENIED, KEYS, Fault, GoogleServer, subject_problem

FEDERATED = Token(value="ya29.federated-secret", expires_at=0.0)


@pytest.fixture
def request_(config: Config) -> Request:
    return Request(connections_for(config))


@pytest.fixture
def subject(google: GoogleServer, config: Config, request_: Request) -> str:
    return subject_token(config, EnvironmentSupplier(google.environ()), request_)


def test_the_signature_covers_the_target_resource(subject: str) -> None:
    assert subject_problem(subject, AUDIENCE) is None
    headers = {header["key"]: header["value"] for header in json.loads(unquote(subject))["headers"]}
    assert "x-goog-cloud-target-resource" in headers["Authorization"]


def test_a_request_turned_to_another_provider_is_found_out(subject: str) -> None:
    other = AUDIENCE.replace("aws-pool", "evil-pool")
    turned = quote(unquote(subject).replace(AUDIENCE, other))
    assert subject_problem(turned, other) == "the signature does not match"


def test_the_subject_token_is_google_auths_own_but_for_the_signed_header(
    google: GoogleServer, config: Config, request_: Request
) -> None:
    supplier = EnvironmentSupplier(google.environ())
    stock = google_auth_credentials(supplier)
    for _ in range(10):  # both read the clock: try until they read the same second
        ours, theirs = subject_token(config, supplier, request_), stock.retrieve_subject_token(None)
        mine, other = parsed(ours), parsed(theirs)
        if mine[1]["x-amz-date"] == other[1]["x-amz-date"]:
            break
    assert "x-goog-cloud-target-resource" in mine[1].pop("Authorization")
    assert "x-goog-cloud-target-resource" not in other[1].pop("Authorization")
    assert mine == other
    assert len(ours) == len(theirs) + len(";x-goog-cloud-target-resource".replace(";", "%3B"))


def google_auth_credentials(supplier: EnvironmentSupplier) -> Any:
    return google.auth.aws.Credentials(
        audience=AUDIENCE,
        subject_token_type="urn:ietf:params:aws:token-type:aws4_request",
        aws_security_credentials_supplier=supplier,
    )


def parsed(subject: str) -> tuple[dict[str, Any], dict[str, str]]:
    request = json.loads(unquote(subject))
    return request, {header["key"]: header["value"] for header in request.pop("headers")}


def test_the_exchange_asks_as_rfc_8693_has_it(
    google: GoogleServer, config: Config, request_: Request, subject: str
) -> None:
    federated_token(config, request_, subject, ["scope-one", "scope-two"])
    form = {name: value[0] for name, value in parse_qs(google.asked[0].body).items()}
    assert form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": AUDIENCE,
        "scope": "scope-one scope-two",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": subject,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    }


def test_impersonation_asks_for_scopes_and_lifetime(
    google: GoogleServer, config: Config, request_: Request, subject: str
) -> None:
    federated = federated_token(config, request_, subject, ["s"])
    service_account_token(config, request_, federated, ["scope-one"])
    assert json.loads(google.asked[1].body) == {"scope": ["scope-one"], "lifetime": "3600s"}
    assert google.asked[1].path.endswith(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken")


def test_a_token_is_never_believed_longer_than_was_asked_for(
    google: GoogleServer, config: Config, request_: Request
) -> None:
    google.fail("iamcredentials", Fault(200, {"accessToken": "t", "expireTime": "2999-01-01T00:00:00Z"}))
    token = service_account_token(config, request_, FEDERATED, ["s"])
    google.fail("iamcredentials", Fault(200, {"accessToken": "t", "expireTime": "2020-01-01T00:00:00.123456789Z"}))
    assert token.expires_at < 32_000_000_000
    assert service_account_token(config, request_, FEDERATED, ["s"]).expires_at < token.expires_at


def oauth(error: str, description: str) -> Fault:
    return Fault(400, {"error": error, "error_description": description})


INVALID_TARGET = (
    'The target service indicated by the "audience" parameters is invalid. This might either be because the pool '
    "or provider is disabled or deleted or because it doesn't exist."
)
SERVICE_DISABLED = {
    "error": {
        "code": 403,
        "status": "PERMISSION_DENIED",
        "message": "IAM Service Account Credentials API has not been used in project 1 before or it is disabled.",
        "details": [{"reason": "SERVICE_DISABLED"}],
    }
}


@pytest.mark.parametrize(
    ("fault", "cause", "remedy", "retryable", "propagating"),
    [
        (
            oauth("unauthorized_client", "The given credential is rejected by the attribute condition."),
            "attribute condition is false",
            "Name the function's role",
            False,
            False,
        ),
        (
            oauth("invalid_request", 'Invalid value for "audience". This value should be the full resource name'),
            "not the full resource name",
            "KEYLESS_AUDIENCE",
            False,
            False,
        ),
        (oauth("invalid_target", INVALID_TARGET), "missing, disabled or deleted", "undeletes", False, True),
        (
            oauth("invalid_request", "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either"),
            "longer than google.subject may be",
            "88 bytes",
            False,
            False,
        ),
        (oauth("invalid_grant", "whatever it says"), "a clock that is off", "get-caller-identity", False, False),
        (oauth("invalid_scope", "Bad scope."), "none of Google's", "Unset KEYLESS_SCOPES", False, False),
        (oauth("invalid_request", "Of no known kind."), "Google refused", "Google's words", False, False),
        (Fault(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}), "fewer requests", "quota", True, False),
        (Fault(503, b"<html>no</html>"), "could not answer", "Try again", True, False),
        (Fault(cut=True), "could not be reached", "VPC", True, False),
        (Fault(200, b"<html>captive portal</html>"), "not in Google's form", "a proxy", False, False),
        (Fault(200, {"access_token": "t"}), "not in Google's form", "a proxy", False, False),
    ],
)
def test_a_failed_exchange_says_why_and_what_to_do(
    google: GoogleServer,
    config: Config,
    request_: Request,
    subject: str,
    fault: Fault,
    cause: str,
    remedy: str,
    retryable: bool,
    propagating: bool,
) -> None:
    google.fail("sts", fault)
    with pytest.raises(ExchangeError) as caught:
        federated_token(config, request_, subject, ["s"])
    check(caught.value, fault, "sts-exchange", cause, remedy, retryable, propagating)


@pytest.mark.parametrize(
    ("fault", "cause", "remedy", "retryable", "propagating"),
    [
        (Fault(403, DENIED), "may not impersonate", "roles/iam.workloadIdentityUser", False, True),
        (Fault(403, SERVICE_DISABLED), "API is not enabled", "gcloud services enable", False, True),
        (Fault(404, {"error": {"status": "NOT_FOUND"}}), "no such service account", "describe", False, True),
        (
            Fault(400, {"error": {"message": "The access token lifetime cannot exceed 3600 seconds."}}),
            "over what the project's organization allows",
            "Lower KEYLESS_TOKEN_LIFETIME",
            False,
            False,
        ),
        (Fault(500), "could not answer", "Try again", True, False),
        (Fault(200, {"accessToken": "t", "expireTime": "soon"}), "not in Google's form", "a proxy", False, False),
    ],
)
def test_a_failed_impersonation_says_why_and_what_to_do(
    google: GoogleServer,
    config: Config,
    request_: Request,
    fault: Fault,
    cause: str,
    remedy: str,
    retryable: bool,
    propagating: bool,
) -> None:
    google.fail("iamcredentials", fault)
    with pytest.raises(ImpersonationError) as caught:
        service_account_token(config, request_, FEDERATED, ["s"])
    check(caught.value, fault, "impersonation", cause, remedy, retryable, propagating)


def check(
    error: ChainError, fault: Fault, link: str, cause: str, remedy: str, retryable: bool, propagating: bool
) -> None:
    assert error.link == link
    assert error.status == (None if fault.cut else fault.status)
    assert cause in error.cause
    assert remedy in error.remedy
    assert (error.retryable, error.propagating) == (retryable, propagating)
    assert error.cause in str(error)
    assert error.remedy in str(error)


def test_an_answer_that_repeats_the_request_gives_no_secret_away(
    google: GoogleServer, config: Config, request_: Request, subject: str
) -> None:
    headers = {header["key"]: header["value"] for header in json.loads(unquote(subject))["headers"]}
    echoes = [
        subject,
        quote(subject),
        unquote(subject),
        headers["Authorization"],
        f"Bearer {FEDERATED.value}",
        f"The token {KEYS.token} of {KEYS.access_key} is not valid",
    ]
    signature = headers["Authorization"].partition("Signature=")[2]
    for echo in echoes:
        google.fail("sts", Fault(400, {"error": "invalid_grant", "error_description": f"bad: {echo} (sic)"}))
        with pytest.raises(ExchangeError) as exchange:
            federated_token(config, request_, subject, ["s"])
        google.fail("iamcredentials", Fault(403, f"bad: {echo} (sic)".encode()))
        with pytest.raises(ImpersonationError) as impersonation:
            service_account_token(config, request_, FEDERATED, ["s"])
        for error in (exchange.value, impersonation.value):
            assert "bad: " in error.words
            for secret in (signature, FEDERATED.value, KEYS.access_key):
                assert secret not in str(error)
                assert secret not in repr(error)
        assert str(KEYS.token) not in str(exchange.value)


def test_no_repr_holds_a_token() -> None:
    assert "secret" not in repr(FEDERATED)
