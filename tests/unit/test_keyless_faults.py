"""Every fault of the way to Google, made in a server: asked again when that helps, bounded, and explained.

Nothing here looks at a clock. That an exchange ends in time shows in how often it asked: pauses grow, so that a
deadline of a second has room for five attempts at most.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from keyless import ChainError, Credentials
from keyless.aws.container import supplier_for
from keyless.chain.exchange import REFUSALS
from keyless.config import Config
from keyless.net.connections import connections_for

from tests.unit.conftest import Certificate, Ran
from tests.unit.google_server import DENIED, DRIPS, KEYS, Fault, GoogleServer

LINKS = {"sts": "sts-exchange", "iamcredentials": "impersonation"}
GARBLED = Fault(200, b"<html>Please log in to the guest network</html>")


@dataclass(frozen=True)
class Case:
    """A fault, how often the broken service may be asked (None: up to the deadline), and what must be said."""

    fault: Fault
    asked: int | None
    status: int | None
    words: str
    cause: str
    remedy: str


def says(code: int, status: str, message: str) -> Fault:
    return Fault(code, {"error": {"code": code, "status": status, "message": message}})


CASES = [
    Case(says(429, "RESOURCE_EXHAUSTED", "Quota exceeded"), None, 429, "Quota exceeded", "fewer requests", "quota"),
    Case(says(500, "INTERNAL", "Oops"), None, 500, "Oops", "could not answer", "Try again"),
    Case(Fault(503, b"upstream is gone"), None, 503, "upstream is gone", "could not answer", "Try again"),
    Case(Fault(cut=True), None, None, "", "could not be reached", "NAT or Private Service Connect"),
    Case(Fault(reset=True), None, None, "reset", "could not be reached", "NAT or Private Service Connect"),
    Case(GARBLED, 1, 200, "", "not in Google's form", "KEYLESS_GOOGLE_ENDPOINT"),
    Case(Fault(401, b"who are you"), 1, 401, "who are you", "not in Google's form", "a proxy"),
]
IMPERSONATION_CASES = [
    Case(Fault(403, DENIED), REFUSALS + 1, 403, "getAccessToken", "may not impersonate", "workloadIdentityUser"),
    Case(
        says(400, "INVALID_ARGUMENT", "The access token lifetime cannot exceed 3600 seconds"),
        1,
        400,
        "cannot exceed 3600",
        "over what the project's organization allows",
        "Lower KEYLESS_TOKEN_LIFETIME",
    ),
]
ALL = [(service, case) for service in LINKS for case in CASES] + [
    ("iamcredentials", case) for case in IMPERSONATION_CASES
]


@contextmanager
def chain(google: GoogleServer, *, container: bool = False, **environ: str) -> Iterator[Callable[[], str]]:
    """A request's way through the chain, with a deadline of a second."""
    environment = (google.container if container else google.environ)(**{"KEYLESS_DEADLINE": "1", **environ})
    config = Config.require(environment)
    credentials = Credentials(config, supplier=supplier_for(environment))

    def ask() -> str:
        headers: dict[str, str] = {}
        credentials.before_request(None, "GET", "https://bigquery.googleapis.com/", headers)
        return headers["authorization"]

    try:
        yield ask
    finally:
        connections_for(config).close()


def failure(ask: Callable[[], str], link: str) -> ChainError:
    with pytest.raises(ChainError) as caught:
        ask()
    assert caught.value.link == link
    assert caught.value.milliseconds["total"] >= 0
    return caught.value


@pytest.mark.parametrize(("service", "case"), ALL, ids=lambda value: value if isinstance(value, str) else value.cause)
def test_a_fault_that_lasts_is_explained_and_the_next_request_tries_again(
    google: GoogleServer, service: str, case: Case
) -> None:
    with chain(google) as ask:
        google.fail(service, case.fault, times=None)
        error = failure(ask, LINKS[service])
        times = google.count(service)
        del google.faults[service]
        assert ask().startswith("Bearer ya29.")
    assert case.asked in (None, times)
    assert 2 <= times <= 12 if case.asked is None else True
    assert error.status == case.status
    for part, whole in ((case.words, error.words), (case.cause, error.cause), (case.remedy, error.remedy)):
        assert part in whole
        assert part in str(error)
    assert_no_secret(google, error)


@pytest.mark.parametrize("service", LINKS)
@pytest.mark.parametrize("case", [case for case in CASES if case.asked is None], ids=lambda case: case.cause)
def test_a_fault_that_passes_is_not_noticed(google: GoogleServer, service: str, case: Case) -> None:
    with chain(google) as ask:
        google.fail(service, case.fault)
        assert ask().startswith("Bearer ya29.")


@pytest.mark.parametrize("service", LINKS)
def test_a_service_that_hangs_is_given_up_in_time_to_ask_again(google: GoogleServer, service: str) -> None:
    with chain(google) as ask, google.holding(service):
        error = failure(ask, LINKS[service])
        assert 2 <= google.count(service) <= 5
    assert (error.status, error.retryable) == (None, True)
    assert "could not be reached in time" in error.cause


@pytest.mark.parametrize("place", DRIPS)
@pytest.mark.parametrize("service", [*LINKS, "container"])
def test_an_answer_that_drips_is_given_up_in_time_to_ask_again(google: GoogleServer, service: str, place: str) -> None:
    with chain(google, container=True) as ask:
        google.fail(service, Fault(drip=DRIPS[place]), times=None)
        error = failure(ask, LINKS.get(service, "aws-credentials"))
        google.wait_until(lambda: google.open_connections <= 2)  # none but those that are kept for another time
    assert error.retries >= 1
    assert google.count(service) == error.retries + 1  # what was cut for taking too long is not sent twice
    assert (error.status, error.retryable) == (None, True)
    assert "could not be reached in time" in error.cause
    assert error.remedy in str(error)
    assert_no_secret(google, error)


@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(cut=True), Fault(reset=True)], ids=str)
def test_the_container_endpoint_is_asked_again_too(google: GoogleServer, fault: Fault) -> None:
    with chain(google, container=True) as ask:
        google.fail("container", fault, times=None)
        error = failure(ask, "aws-credentials")
        assert 2 <= google.count("container") <= 12
        google.fail("container", fault)
        assert ask().startswith("Bearer ya29.")
    assert (error.status, error.retryable) == (None if fault.cut or fault.reset else fault.status, True)
    assert_no_secret(google, error)


def test_a_container_endpoint_that_hangs_is_given_up_in_time_to_ask_again(google: GoogleServer) -> None:
    with chain(google, container=True) as ask, google.holding("container"):
        error = failure(ask, "aws-credentials")
        assert 2 <= google.count("container") <= 5
    assert "could not be reached in time" in error.cause


def test_a_service_that_hangs_once_is_not_noticed(google: GoogleServer) -> None:
    with chain(google) as ask, ExitStack() as released:
        google.faults["sts"] = iter([held := Fault(released=threading.Event())])
        released.callback(held.released.set)  # type: ignore[union-attr]
        assert ask().startswith("Bearer ya29.")
    assert google.count("sts") == 2


def test_a_certificate_that_is_not_trusted_is_not_asked_again(secure_google: GoogleServer) -> None:
    with chain(secure_google) as ask:
        error = failure(ask, "sts-exchange")
    assert "certificate was not trusted" in error.cause
    assert "SSL_CERT_FILE" in error.remedy
    assert "clock" in error.remedy
    assert (error.retryable, error.retries, secure_google.asked) == (False, 0, [])


def test_a_handshake_that_is_reset_is_tried_again(google: GoogleServer, certificate: Certificate) -> None:
    # Plain HTTP where TLS is expected: the handshake ends in an error that is no verification's.
    endpoint = google.endpoint.replace("http://", "https://")
    with chain(google, KEYLESS_GOOGLE_ENDPOINT=endpoint, SSL_CERT_FILE=str(certificate.file)) as ask:
        error = failure(ask, "sts-exchange")
    assert "could not be reached" in error.cause
    assert google.connections >= 2


def test_nobody_listening_is_explained(google: GoogleServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with chain(google, KEYLESS_GOOGLE_ENDPOINT=f"http://127.0.0.1:{port}/{{service}}") as ask:
        error = failure(ask, "sts-exchange")
    assert "refused" in error.words
    assert "DNS" in error.remedy


def test_a_name_that_does_not_resolve_is_explained(google: GoogleServer) -> None:
    with chain(google, KEYLESS_GOOGLE_ENDPOINT="https://{service}.keyless.invalid") as ask:
        error = failure(ask, "sts-exchange")
    assert "DNS" in error.remedy


SLOW_RESOLVER = """
import socket, time
socket.getaddrinfo = lambda *arguments, **more: time.sleep(60)  # a resolver cannot be put on loopback
import keyless
try:
    keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com/", {})
except keyless.ExchangeError as error:
    print(error.retryable, error.retries > 0, "could not be reached in time" in error.cause)
"""


def test_a_resolver_that_hangs_is_given_up(google: GoogleServer, run: Callable[..., Ran]) -> None:
    environ = google.environ(KEYLESS_DEADLINE="1")
    assert run(SLOW_RESOLVER, environ, init=None).said == ["True True True"]


INVALID_GRANT = Fault(400, {"error": "invalid_grant", "error_description": "Received invalid signature"})


@pytest.mark.parametrize(("ahead", "said"), [(600, "600 s behind"), (-600, "600 s ahead of"), (5, None)])
def test_a_clock_that_is_off_is_found_out_by_googles(google: GoogleServer, ahead: float, said: str | None) -> None:
    google.clock_ahead = ahead
    google.fail("sts", INVALID_GRANT)
    with chain(google) as ask:
        error = failure(ask, "sts-exchange")
    assert (error.status, error.words) == (400, "invalid_grant: Received invalid signature")
    if said is None:
        assert "AWS did not confirm" in error.cause
    else:
        seconds, rest = said.split(" s ")
        near = [str(int(seconds) + more) for more in range(-2, 31)]
        assert any(f"clock is {second} s {rest} Google's" in error.cause for second in near), error.cause
        assert "Set the clock" in error.remedy
    assert_no_secret(google, error)


def assert_no_secret(google: GoogleServer, error: ChainError) -> None:
    said = (
        str(error)
        + repr(error)
        + repr(error.__cause__)
        + repr(error.__context__)
        + json.dumps(vars(error), default=str)
    )
    for secret in (*google.tokens, KEYS.access_key, KEYS.secret_key, str(KEYS.token), "Signature="):
        assert secret not in said
