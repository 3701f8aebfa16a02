"""The catalogue: every entry is whole, found by what Google says, and loaded only when something failed."""

import re
import shlex
from collections.abc import Callable
from socket import gaierror
from ssl import SSLCertVerificationError

import keyless
import pytest
from keyless import failures
from keyless.doctor.report import EXIT_CODES
from keyless.failures.catalogue import ALL, BY_ID
from keyless.failures.failure import Failure, Link, told

from lambda_layer import troubleshooting
from tests.unit.conftest import Ran
from tests.unit.google_server import Fault, GoogleServer

ASKED_FOR = {
    "the article: getAccessToken denied": "binding-missing",
    "the article: Unable to parse AWS token": "aws-token-unparsable",
    "the article: Unauthorized client": "condition-false",
    "the article: The caller does not have permission": "api-denied",
    "the article: subject mismatch": "binding-to-session",
    "127-byte subject": "subject-too-long",
    "project ID for number": "project-id-instead-of-number",
    "malformed audience": "audience-refused",
    "pool or provider disabled, deleted or missing": "provider-not-usable",
    "wrong account": "aws-account-not-trusted",
    "expired credentials": "aws-credentials-expired",
    "skewed clock": "clock-skew",
    "iamcredentials not enabled": "iamcredentials-disabled",
    "propagation": "binding-propagating",
    "missing jobUser": "bigquery-job-user-missing",
    "missing dataset access": "bigquery-data-denied",
    "VPC without egress": "host-unreachable",
    "DNS": "dns-failure",
    "a proxy": "proxy-refused",
    "TLS interception": "tls-untrusted",
    "container credentials refused": "container-refused",
    "SnapStart restore": "snapstart-restore",
    "organization policy": "organization-policy",
    "lifetime over the limit": "lifetime-over-policy",
    "quota": "quota-exceeded",
}


@pytest.mark.parametrize("id", ASKED_FOR.values(), ids=list(ASKED_FOR))
def test_what_people_meet_is_in_it(id: str) -> None:
    assert failures.find(id).symptom


def test_names_are_unique() -> None:
    assert len(BY_ID) == len(ALL)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", id) for id in BY_ID)


@pytest.mark.parametrize("failure", ALL, ids=lambda failure: failure.id)
def test_an_entry_is_whole(failure: Failure) -> None:
    assert failure.links
    for sentence in (failure.cause, failure.confirm, failure.remedy, failure.symptom):
        assert sentence
        assert not sentence.endswith(".") or sentence.endswith("...")
    assert failure.seen_as is None or failure.seen_as in BY_ID
    assert set(failure.links) <= {*EXIT_CODES, "identity", "deploy"}


@pytest.mark.parametrize("failure", ALL, ids=lambda failure: failure.id)
def test_confirming_is_a_command_that_a_shell_can_read(failure: Failure) -> None:
    commands = re.findall(r"`([^`]+)`", failure.confirm)
    assert commands
    for command in commands:
        assert shlex.split(command)


@pytest.mark.parametrize("failure", [f for f in ALL if f.words is not None], ids=lambda failure: failure.id)
def test_an_entry_is_found_by_its_own_words(failure: Failure) -> None:
    for link in failure.links:
        found = failures.diagnose(link, failure.status, f"WORDS: {failure.words} and more")
        assert found is failure


@pytest.mark.parametrize(
    ("link", "status", "words", "id"),
    [
        ("sts-exchange", 429, "RESOURCE_EXHAUSTED", "quota-exceeded"),
        ("impersonation", 503, "", "google-unavailable"),
        ("api", 408, "", "google-unavailable"),
        ("sts-exchange", 400, "invalid_scope", "scope-invalid"),
        *(
            ("sts-exchange", 400, f"invalid_grant: Received invalid AWS response of type {code} with error x", id)
            for code, id in (
                ("ExpiredToken", "aws-credentials-expired"),
                ("SignatureDoesNotMatch", "aws-credentials-refused"),
                ("InvalidClientTokenId", "aws-credentials-refused"),
                ("RegionDisabledException", "aws-region-disabled"),
                ("SignatureDoesNotMatch: Signature expired", "clock-skew"),
                ("SomethingElse", "aws-not-confirmed"),
            )
        ),
        ("sts-exchange", 400, "invalid_grant: Error connecting to the given credential's issuer.",
         "aws-unreachable-for-google"),
        ("sts-exchange", 403, "Security Token Service API has not been used in project 1", "sts-api-disabled"),
        ("impersonation", 403, "IAM ... API has not been used in project 1 before", "iamcredentials-disabled"),
        ("impersonation", 403, "PERMISSION_DENIED: The service account is disabled.", "service-account-disabled"),
        ("api", 403, "PERMISSION_DENIED rateLimitExceeded: Exceeded rate limits: too many", "api-quota-exceeded"),
        ("api", 403, "PERMISSION_DENIED quotaExceeded: x", "api-quota-exceeded"),
        ("api", 403, "Access Denied: BigQuery BigQuery: Permission denied while getting Drive credentials.",
         "drive-scope-missing"),
        ("api", 403, "billingNotEnabled: Billing has not been enabled for this project", "billing-disabled"),
        ("api", 403, "PERMISSION_DENIED USER_PROJECT_DENIED: x", "quota-project-denied"),
        ("api", 403, "Caller does not have required permission to use project p. Grant the caller the "
         "roles/serviceusage.serviceUsageConsumer role", "quota-project-denied"),
        ("api", 403, "Access Denied: Dataset p:d: Permission bigquery.datasets.get denied", "bigquery-dataset-denied"),
        ("api", 403, "Access Denied: Table p:d.t: User does not have permission", "bigquery-data-denied"),
        ("api", 401, "Invalid Credentials", "token-refused"),
        ("api", 403, "The caller does not have permission", "api-denied"),
        ("api", 403, "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
         "bigquery-job-user-missing"),
        ("impersonation", 403, "Request is prohibited by organization's policy.", "vpc-service-controls"),
        ("sts-exchange", 403, "iam.serviceAccounts.getAccessToken", "unknown"),
    ],
)  # fmt: skip
def test_an_answer_is_diagnosed_by_link_status_and_words(link: Link, status: int, words: str, id: str) -> None:
    assert failures.diagnose(link, status, words).id == id


@pytest.mark.parametrize(
    ("why", "id"),
    [
        (SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED"), "tls-untrusted"),
        (gaierror(-2, "Name or service not known"), "dns-failure"),
        (OSError("Tunnel connection failed: 407 Proxy Authentication Required"), "proxy-refused"),
        (TimeoutError(), "host-unreachable"),
        (None, "host-unreachable"),
    ],
)
def test_no_answer_is_diagnosed_by_what_the_connection_failed_with(why: BaseException | None, id: str) -> None:
    assert failures.unreachable(why).id == id


def test_facts_take_the_place_of_names_in_capitals_and_of_nothing_else() -> None:
    facts = {"ROLE": "reader", "SERVICE_ACCOUNT": "a@b", "POOL": ""}
    text = "Bind attribute.aws_role/ROLE to SERVICE_ACCOUNT, not KEYLESS_SERVICE_ACCOUNT, ROLES or POOL"
    assert told(text, facts) == "Bind attribute.aws_role/reader to a@b, not KEYLESS_SERVICE_ACCOUNT, ROLES or POOL"
    assert failures.find("condition-false").of(SESSION_ARN="arn:x").confirm.count("arn:x") == 1


def test_an_exception_carries_its_entry() -> None:
    error = keyless.ImpersonationError("account", failures.find("binding-missing"), status=403, words="no")
    entry = BY_ID["binding-missing"]
    assert (error.failure, error.cause, error.confirm, error.remedy, error.propagating) == (
        entry.id, entry.cause, entry.confirm, entry.remedy, True,
    )  # fmt: skip


def test_the_page_is_what_the_catalogue_says() -> None:
    assert troubleshooting.DOCUMENT.read_text() == troubleshooting.document(), "python -m lambda_layer.troubleshooting"


CATALOGUE_IS_LOADED = "print('keyless.failures.catalogue' in sys.modules, 'keyless.failures.failure' in sys.modules)"


def test_a_chain_that_holds_never_loads_it(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = f"import sys, keyless\nassert keyless.ready(20)\n{CATALOGUE_IS_LOADED}"
    ran = run(code, google.environ())
    assert (ran.said[-1], ran.err) == ("False False", "")


def test_a_failure_loads_it(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("sts", Fault(400, {"error": "invalid_scope"}), times=None)
    code = f"import sys, keyless\nassert not keyless.ready(20)\n{CATALOGUE_IS_LOADED}"
    assert run(code, google.environ()).said[-1] == "True True"
