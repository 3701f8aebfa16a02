"""The door that a signed request comes through: what is not exactly GetCallerIdentity never leaves this machine."""

import json
import socket
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.credentials import Credentials

from local.google.errors import OAuthError
from local.google.federation.verification import CallerIdentity, SignedRequest
from tests.local.google_fixtures import AUDIENCE, Json, signed, with_header

REQUEST = signed(Credentials("AKIDEXAMPLE", "secret", "session"))
QUERY = "Action=GetCallerIdentity&Version=2011-06-15"
HOST = "sts.eu-central-1.amazonaws.com"
ANSWER = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::123456789012:assumed-role/reader-role/fn</Arn><UserId>AROA:fn</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


def encoded(request: object) -> str:
    return urllib.parse.quote(json.dumps(request))


def refusal(token: str, audience: str = AUDIENCE) -> str:
    with pytest.raises(OAuthError) as caught:
        SignedRequest.parse(token, audience)
    assert caught.value.error == "invalid_grant"
    return caught.value.reason


@pytest.mark.parametrize("host", [HOST, "sts.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"])
@pytest.mark.parametrize("sign_audience", [True, False])
def test_a_request_to_awss_sts_is_taken(host: str, sign_audience: bool) -> None:
    request = signed(Credentials("AKIDEXAMPLE", "secret", "session"), host=host, sign_audience=sign_audience)
    assert SignedRequest.parse(encoded(request), AUDIENCE).host == host


@pytest.mark.parametrize(
    "url",
    [
        f"https://example.com?{QUERY}",
        f"https://169.254.169.254?{QUERY}",
        f"https://localhost?{QUERY}",
        f"http://{HOST}?{QUERY}",
        f"https://{HOST}:8443?{QUERY}",
        f"https://user@{HOST}?{QUERY}",
        f"https://{HOST}.?{QUERY}",
        f"https://{HOST}.evil.com?{QUERY}",
        f"https://evil.com#@{HOST}?{QUERY}",
        f"https://evil.com\\@{HOST}?{QUERY}",
        f"https://{HOST.upper()}?{QUERY}",
        f"https://sts.eu-central-1.amazonaws.com.cn?{QUERY}",
        f"https://ststs.amazonaws.com?{QUERY}",
        f"https://sts..amazonaws.com?{QUERY}",
        f"https://s3.eu-central-1.amazonaws.com?{QUERY}",
        f"https://{HOST}/path?{QUERY}",
        f"https://{HOST}/../?{QUERY}",
        f"https://{HOST}?{QUERY}#fragment",
        f"https://{HOST}?{QUERY}#",
        f"https://{HOST}?Action=AssumeRole&Version=2011-06-15",
        f"https://{HOST}?Action=GetCallerIdentity",
        f"https://{HOST}?{QUERY}&Extra=1",
        f"https://{HOST}?{QUERY}&Action=AssumeRole",
        f"https://{HOST}?{QUERY}\r\nHost: evil.com",
        f"file://{HOST}?{QUERY}",
        "https://[::1",
        "",
    ],
)
def test_any_other_address_is_refused_before_a_connection(url: str) -> None:
    assert refusal(encoded({**REQUEST, "url": url}))


@pytest.mark.parametrize("method", ["GET", "PUT", "post", "POST /", None])
def test_any_other_method_is_refused(method: object) -> None:
    assert "POST" in refusal(encoded({**REQUEST, "method": method}))


def test_a_body_is_refused() -> None:
    assert "body" in refusal(encoded({**REQUEST, "body": "Action=AssumeRole"}))


@pytest.mark.parametrize("name", ["authorization", "host", "x-amz-date", "x-goog-cloud-target-resource"])
def test_a_missing_header_is_named(name: str) -> None:
    assert name in refusal(encoded(with_header(REQUEST, name, None)))
    assert name in refusal(encoded(with_header(REQUEST, name, "")))


def test_a_target_for_another_provider_is_refused() -> None:
    other = AUDIENCE.replace("aws-provider", "evil-provider")
    assert "audience" in refusal(encoded(with_header(REQUEST, "x-goog-cloud-target-resource", other)))
    assert "audience" in refusal(encoded(REQUEST), other)


def test_a_host_header_that_differs_from_the_url_is_refused() -> None:
    assert "host" in refusal(encoded(with_header(REQUEST, "host", "sts.amazonaws.com")))


def test_a_header_that_stands_twice_is_refused() -> None:
    doubled = {**REQUEST, "headers": [*REQUEST["headers"], {"key": "HOST", "value": HOST}]}
    assert "twice" in refusal(encoded(doubled))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "é", "x" * 8193])
def test_a_header_cannot_smuggle_another(value: str) -> None:
    assert "malformed" in refusal(encoded(with_header(REQUEST, "x-amz-security-token", value)))


def test_headers_outside_the_list_are_not_replayed() -> None:
    request = with_header(with_header(REQUEST, "transfer-encoding", "chunked"), "x-forwarded-for", "10.0.0.1")
    assert not {"transfer-encoding", "x-forwarded-for"} & SignedRequest.parse(encoded(request), AUDIENCE).headers.keys()


@pytest.mark.parametrize("token", ["", "garbage", "%7B", "%5B%5D", "%22text%22", "x" * 32769, "%FF"])
def test_what_is_no_request_at_all_is_refused(token: str) -> None:
    assert refusal(token)


def test_a_form_encoded_token_is_taken_as_gos_library_sends_it() -> None:
    with_plus = with_header(REQUEST, "x-amz-security-token", "with+plus")
    request = SignedRequest.parse(urllib.parse.quote_plus(json.dumps(with_plus)), AUDIENCE)
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
    assert request.headers["x-amz-security-token"] == "with+plus"


def test_a_token_that_is_not_url_encoded_is_refused() -> None:
    assert "URL-encoded" in refusal(json.dumps(REQUEST))


@pytest.mark.parametrize("headers", [None, {}, "text", [1], [{"value": "x"}], [{"key": "a", "value": "b"}] * 33])
def test_headers_of_another_shape_are_refused(headers: object) -> None:
    assert refusal(encoded({**REQUEST, "headers": headers}))


def test_no_refusal_repeats_a_secret() -> None:
    for name in ("host", "authorization", "x-goog-cloud-target-resource"):
        told = refusal(encoded(with_header(REQUEST, name, "AKIDEXAMPLE")))
        assert "AKIDEXAMPLE" not in told
        assert "Signature" not in told


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[Json]]]:
    """A server in AWS's place that writes down what it was asked."""
    seen: list[Json] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append({"path": self.path, "headers": [(k.lower(), v) for k, v in self.headers.items()]})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ANSWER.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join()


def test_a_replay_sends_the_signed_headers_to_the_local_aws_and_nothing_else(
    recorder: tuple[str, list[Json]],
) -> None:
    endpoint, seen = recorder
    identity = SignedRequest.parse(encoded(REQUEST), AUDIENCE).replay(endpoint)
    assert identity == CallerIdentity(
        "arn:aws:sts::123456789012:assumed-role/reader-role/fn", "123456789012", "AROA:fn"
    )
    sent = sorted((header["key"].lower(), header["value"]) for header in REQUEST["headers"])
    assert seen[0]["path"] == f"/?{QUERY}"
    assert sorted(seen[0]["headers"]) == sorted([*sent, ("content-length", "0")])


def test_an_aws_that_cannot_be_reached_is_no_refusal_of_the_credential() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(OAuthError) as caught:
            SignedRequest.parse(encoded(REQUEST), AUDIENCE).replay(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert (caught.value.code, caught.value.error) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("account", ["123456789012", "999999999999"])
def test_root_is_refused_for_the_local_aws_does_not_verify_it(account: str) -> None:
    answer = ANSWER.replace("arn:aws:sts::123456789012:assumed-role/reader-role/fn", f"arn:aws:iam::{account}:root")
    with pytest.raises(OAuthError, match="root"):
        CallerIdentity.parse(answer)


def test_an_answer_in_json_is_read_too() -> None:
    result = {"Arn": "a:b:c::1:x", "Account": "1", "UserId": "u"}
    answer = json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}})
    assert CallerIdentity.parse(answer) == CallerIdentity("a:b:c::1:x", "1", "u")
