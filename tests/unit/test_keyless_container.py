"""AWS credentials from the container endpoint: who is asked, with what, how often, and what is said when it fails."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from keyless import AwsCredentialsError, ContainerSupplier, Credentials, EnvironmentSupplier
from keyless.aws.container import EARLY, supplier_for
from keyless.config import Config
from keyless.net.connections import connections_for
from keyless.net.transport import Request

from tests.unit.conftest import Ran
from tests.unit.google_server import KEYS, Fault, GoogleServer

FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"


class Bench:
    """A supplier of the server's endpoint, with a clock that is set by hand."""

    def __init__(self, google: GoogleServer, config: Config) -> None:
        self.environ = google.container()
        self.late = 0.0
        self.supplier = ContainerSupplier(self.environ, clock=lambda: time.time() + self.late)
        self._request = Request(connections_for(config))

    def key(self) -> str:
        return self.supplier.get_aws_security_credentials(None, self._request).access_key_id

    def failure(self) -> AwsCredentialsError:
        with pytest.raises(AwsCredentialsError) as caught:
            self.key()
        assert caught.value.link == "aws-credentials"
        return caught.value


@pytest.fixture
def bench(google: GoogleServer, config: Config) -> Bench:
    return Bench(google, config)


def test_the_endpoint_is_asked_with_the_token_of_the_environment(google: GoogleServer, bench: Bench) -> None:
    assert bench.key() == KEYS.access_key
    (asked,) = google.asked
    assert (asked.path, asked.headers["authorization"]) == ("/container/v1/credentials", "token-for-the-endpoint")


def test_a_token_file_wins_and_is_read_anew_each_time(google: GoogleServer, bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "token"
    bench.environ[f"{TOKEN}_FILE"] = str(file)
    for token in ("first", "second"):
        file.write_text(token + "\n")
        bench.supplier.forget()
        bench.key()
        assert google.asked[-1].headers["authorization"] == token


def test_without_a_token_none_is_sent(google: GoogleServer, bench: Bench) -> None:
    del bench.environ[TOKEN]
    bench.key()
    assert "authorization" not in google.asked[0].headers


def test_what_was_fetched_is_kept_until_shortly_before_it_expires(google: GoogleServer, bench: Bench) -> None:
    bench.key()
    bench.late = google.lifetime - EARLY - 5
    bench.key()
    assert google.count("container") == 1
    bench.late += 10
    bench.key()
    assert google.count("container") == 2


@pytest.mark.parametrize("status", [403, 503])
def test_what_is_still_good_is_used_while_the_endpoint_ails(google: GoogleServer, bench: Bench, status: int) -> None:
    bench.key()
    google.fail("container", Fault(status), times=None)
    bench.late = google.lifetime - EARLY + 5
    assert bench.key() == KEYS.access_key
    bench.late = google.lifetime + 5
    assert bench.failure().status == status


@pytest.mark.parametrize(
    ("fault", "status", "cause", "retryable"),
    [
        (Fault(403, {"code": "AccessDenied", "message": "no role"}), 403, "gives no credentials", False),
        (Fault(404, b"not found"), 404, "gives no credentials", False),
        (Fault(429), 429, "gives no credentials", True),
        (Fault(500), 500, "gives no credentials", True),
        (Fault(200, b"<html>"), 200, "holds no credentials", False),
        (Fault(200, {"AccessKeyId": "half-a-secret"}), 200, "holds no credentials", False),
        (Fault(cut=True), None, "could not be reached", True),
        (Fault(reset=True), None, "could not be reached", True),
    ],
)
def test_an_endpoint_that_fails_is_named_with_cause_and_remedy(
    google: GoogleServer, bench: Bench, fault: Fault, status: int | None, cause: str, retryable: bool
) -> None:
    google.fail("container", fault)
    error = bench.failure()
    assert (error.status, error.retryable) == (status, retryable)
    assert cause in error.cause
    assert "AWS_CONTAINER_*" in error.remedy
    assert "half-a-secret" not in str(error)
    assert bench.key() == KEYS.access_key


def test_an_answer_that_repeats_the_token_gives_it_not_away(google: GoogleServer, bench: Bench) -> None:
    google.fail("container", Fault(401, b"bad: token-for-the-endpoint (sic)"))
    assert bench.failure().words == "bad: [hidden] (sic)"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",  # EC2's
        "http://example.com/",
        "http://127.0.0.1.example.com/",
        "http://[2001:db8::1]/",
        "ftp://127.0.0.1/",
        "http://127.0.0.1:port/",
        "https:///",
        "nonsense",
    ],
)
def test_no_other_host_is_asked_without_tls(bench: Bench, url: str) -> None:
    bench.environ[FULL] = url
    error = bench.failure()
    assert FULL in str(error)
    assert "neither https nor on this machine" in error.cause


@pytest.mark.parametrize("path", ["@example.com/", ".example.com/", ":80@example.com/"])
def test_a_relative_address_cannot_lead_elsewhere(bench: Bench, path: str) -> None:
    bench.environ[RELATIVE] = path
    assert RELATIVE in str(bench.failure())


class Refused(Exception):
    """What these tests' transport raises instead of going out."""


@pytest.mark.parametrize(
    ("variable", "value", "url"),
    [
        (RELATIVE, "/v2/credentials/a-b", "http://169.254.170.2/v2/credentials/a-b"),
        (FULL, "http://169.254.170.23/v1/credentials", None),
        (FULL, "http://[fd00:ec2::23]/v1/credentials", None),
        (FULL, "http://127.0.0.2:8080/x", None),
        (FULL, "http://[::1]:8080/x", None),
        (FULL, "https://credentials.example.com/x", None),
    ],
)
def test_the_hosts_of_awss_sdks_are_asked(variable: str, value: str, url: str | None) -> None:
    def transport(url: str, **_: object) -> None:
        raise Refused(url)

    with pytest.raises(Refused) as asked:
        ContainerSupplier({variable: value}).get_aws_security_credentials(None, transport)
    assert str(asked.value) == (url or value)


@pytest.fixture
def on_ipv6() -> Iterator[tuple[str, list[str | None]]]:
    """A container endpoint on ::1, and what was sent to it as Host and as Authorization."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.extend((self.headers["Host"], self.headers["Authorization"]))
            keys = {"AccessKeyId": KEYS.access_key, "SecretAccessKey": KEYS.secret_key, "Token": KEYS.token}
            body = json.dumps(keys | {"Expiration": "2099-01-01T00:00:00Z"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6

    try:
        server = Server(("::1", 0), Handler)
    except OSError as error:
        pytest.skip(f"no IPv6 on this machine: {error}")
    with server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://[::1]:{server.server_port}/v1/credentials", asked
        server.shutdown()
        thread.join()


@pytest.mark.needs  # IPv6
def test_an_endpoint_on_ipv6_is_asked_as_well(bench: Bench, on_ipv6: tuple[str, list[str | None]]) -> None:
    """EKS Pod Identity has its agent there, in clusters of IPv6."""
    url, asked = on_ipv6
    bench.environ[FULL] = url
    assert bench.key() == KEYS.access_key
    assert asked == [url.split("/")[2], "token-for-the-endpoint"]


def test_the_relative_address_wins(bench: Bench) -> None:
    bench.environ[RELATIVE] = "@nowhere"
    assert RELATIVE in str(bench.failure())


@pytest.mark.parametrize("content", [None, "two\nlines"])
def test_a_token_file_that_is_of_no_use_is_named_without_its_content(
    bench: Bench, tmp_path: Path, content: str | None
) -> None:
    if content:
        (tmp_path / "token").write_text(content)
    bench.environ[f"{TOKEN}_FILE"] = str(tmp_path / "token")
    error = bench.failure()
    assert TOKEN in str(error)
    assert "two" not in str(error)


def test_it_is_chosen_where_there_are_no_keys_in_variables(google: GoogleServer) -> None:
    assert isinstance(supplier_for(google.container()), ContainerSupplier)
    assert isinstance(supplier_for({RELATIVE: "/x"}), ContainerSupplier)
    for environ in (google.container() | google.environ(), google.container(AWS_ACCESS_KEY_ID="half"), {}):
        assert type(supplier_for(environ)) is EnvironmentSupplier


def test_the_whole_chain_starts_from_it(google: GoogleServer, config: Config) -> None:
    headers: dict[str, str] = {}
    credentials = Credentials(config, supplier=ContainerSupplier(google.container()))
    credentials.before_request(None, "GET", "https://bigquery.googleapis.com/", headers)
    assert headers["authorization"].startswith("Bearer ya29.")
    assert [asked.service for asked in google.asked] == ["container", "sts", "iamcredentials"]


NOBODY_ELSE = """
import sys
hosts = set()
sys.addaudithook(lambda event, args: event == "socket.connect" and hosts.add(args[1][0]))
import keyless
print(keyless.ready())
try:
    keyless.credentials().before_request(None, "GET", "https://x", {})
except keyless.AwsCredentialsError as error:
    print("although this is Lambda" in str(error))
print(sorted(hosts - {"127.0.0.1", "::1"}))
"""


def test_on_lambda_without_credentials_ec2_is_not_asked(google: GoogleServer, run: Callable[..., Ran]) -> None:
    environ = google.environ(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EXECUTION_ENV="AWS_Lambda_python3.13")
    assert run(NOBODY_ELSE, environ).said == ["False", "True", "[]"]
    assert google.asked == []
