"""The client of Google's management APIs against a server that fails on request."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from keyless_federation.errors import DeadlineError, GoogleError
from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import EMPTY, OPERATION, listing
from tests.local.proxy import Proxy

THING = {"name": str, "of?": [{"kind": str}]}
READ = Request(
    what="read the thing", method="GET", service="iam", path="v1/thing", needs=("iam.things.get",), answer=THING
)
START, LIST = replace(READ, answer=OPERATION), replace(READ, answer=listing("things", THING))
MISSING = {"error": {"code": 404, "status": "NOT_FOUND", "message": "It was not found."}}
DENIED = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Permission 'iam.things.get' denied."}}


class Scripted(Proxy):
    """A Google that answers from a list, and 200 {} when that is used up."""


@pytest.fixture
def script() -> Iterator[tuple[list[tuple[int, Any]], Proxy]]:
    """Answers to give, in order, and the server that gives them."""
    answers: list[tuple[int, Any]] = []
    proxy = Proxy("http://127.0.0.1:9", lambda method, path: answers.pop(0) if answers else (200, {}))
    with proxy.serving():
        yield answers, proxy


class Hasty:
    """A clock whose sleeps are short."""

    def monotonic(self) -> float:
        """The real time."""
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        """A fiftieth of it."""
        time.sleep(seconds / 50)


def google(proxy: Proxy, *, seconds: float = 30.0, patience: float = 0.0) -> Google:
    """A client that does not sleep for long."""
    session = requests.Session()
    session.trust_env = False
    client = Google(session, time.monotonic() + seconds, proxy.url + "/{service}", time.monotonic() + patience)
    client.clock = Hasty()
    return client


def test_the_service_is_put_into_the_endpoint(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers.append((200, {"name": "thing"}))
    assert google(proxy).send(READ) == {"name": "thing"}
    assert proxy.calls == [("GET", "/iam/v1/thing")]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(script: tuple[list[tuple[int, Any]], Proxy], status: int) -> None:
    answers, proxy = script
    answers += [(status, {}), (status, {}), (200, {"name": "thing"})]
    assert google(proxy).send(READ) == {"name": "thing"}
    assert len(proxy.calls) == 3


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "quotaExceeded"])
def test_a_rate_limit_that_comes_as_403_is_tried_again(
    script: tuple[list[tuple[int, Any]], Proxy], reason: str
) -> None:
    answers, proxy = script
    limit = {"status": "PERMISSION_DENIED", "message": "Exceeded rate limits.", "errors": [{"reason": reason}]}
    answers += [(403, {"error": limit}), (200, {"name": "thing"})]
    assert google(proxy).send(READ) == {"name": "thing"}


def test_a_refusal_is_told_once_with_googles_words(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(403, DENIED)]
    with pytest.raises(GoogleError) as refusal:
        google(proxy).send(READ)
    assert str(refusal.value) == (
        "Could not read the thing: Google answered 403 PERMISSION_DENIED: Permission 'iam.things.get' denied."
    )
    assert refusal.value.needs == ("iam.things.get",)
    assert len(proxy.calls) == 1


def test_a_fresh_permission_is_waited_for(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(403, DENIED), (403, DENIED), (200, {"name": "thing"})]
    assert google(proxy, patience=10).send(READ) == {"name": "thing"}


def test_something_just_made_may_be_unknown_for_a_while(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    unknown = {"error": {"status": "INVALID_ARGUMENT", "message": "Service account x does not exist."}}
    disabled = {"error": {"details": [{"reason": "SERVICE_DISABLED"}]}}
    answers += [(404, MISSING), (400, unknown), (403, disabled), (200, {"name": "thing"})]
    client = google(proxy)
    client.expect_propagation()
    assert client.send(READ) == {"name": "thing"}


def test_a_new_service_account_may_be_refused_for_a_while(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(403, DENIED), (200, {"name": "account"})]
    client = google(proxy)
    client.expect_propagation()
    assert client.send(replace(READ, path="v1/projects/p/serviceAccounts/new@p")) == {"name": "account"}


def test_other_refusals_are_believed_even_then(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(403, DENIED)]
    client = google(proxy)
    client.expect_propagation()
    with pytest.raises(GoogleError, match="denied"):
        client.send(READ)


def test_an_ordinary_bad_request_is_not_repeated_even_then(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(400, {"error": {"status": "INVALID_ARGUMENT", "message": "Bad mapping."}})]
    client = google(proxy)
    client.expect_propagation()
    with pytest.raises(GoogleError, match="Bad mapping"):
        client.send(READ)


def test_looking_for_something_believes_that_it_is_not_there(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(404, MISSING)]
    client = google(proxy)
    client.expect_propagation()
    assert client.find(READ) is None
    assert len(proxy.calls) == 1


def test_an_operation_is_awaited(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    running = {"name": "projects/1/operations/7"}
    answers += [(200, running), (200, running), (503, {}), (200, {**running, "done": True, "response": {"a": "b"}})]
    assert google(proxy).run(START) == {"a": "b"}
    assert proxy.calls[1:] == [("GET", "/iam/v1/projects/1/operations/7")] * 3


def test_a_failed_operation_is_a_refusal(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(200, {"name": "o/7", "done": True, "error": {"code": 9, "message": "Out of pools."}})]
    with pytest.raises(GoogleError, match=r"Could not read the thing: .*Out of pools\."):
        google(proxy).run(START)


def test_an_operation_without_end_ends_at_the_deadline(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(200, {"name": "o/7"})] * 1000
    with pytest.raises(DeadlineError, match="Could not read the thing in time"):
        google(proxy, seconds=0.3).run(START)


def test_trouble_without_end_ends_at_the_deadline_with_the_last_answer(
    script: tuple[list[tuple[int, Any]], Proxy],
) -> None:
    answers, proxy = script
    answers += [(503, {"error": {"status": "UNAVAILABLE", "message": "Try later."}})] * 1000
    with pytest.raises(
        DeadlineError, match=r"in time\. Google answered 503 UNAVAILABLE: Try later\. Every step can be done again"
    ):
        google(proxy, seconds=0.3).send(READ)


GARBAGE = {
    "empty": (200, b""),
    "HTML": (200, b"<html>Sign in as alice</html>"),
    "cut": (200, b'{"name": "thi'),
    "an empty object": (200, {}),
    "a list": (200, [{"name": "thing"}]),
    "a field of another type": (200, {"name": 7}),
    "an inner field of another type": (200, {"name": "thing", "of": [{"kind": None}]}),
    "no content": (204, b""),
    "an HTML refusal": (403, b"<html>Blocked</html>"),
    "an HTML absence": (404, b"<html>Not found</html>"),
    "a conflict in another shape": (409, {"message": "conflict"}),
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_that_cannot_be_read_is_no_answer(
    script: tuple[list[tuple[int, Any]], Proxy], answer: tuple[int, Any]
) -> None:
    answers, proxy = script
    answers += [answer, answer, (200, {"name": "thing"})]
    assert google(proxy).find(READ) == {"name": "thing"}
    assert len(proxy.calls) == 3


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_unreadable_answers_without_end_name_the_address_and_a_proxy(
    script: tuple[list[tuple[int, Any]], Proxy], answer: tuple[int, Any]
) -> None:
    answers, proxy = script
    answers += [answer] * 1000
    client = google(proxy, seconds=3600)
    client.unreachable_after = 0.1
    with pytest.raises(GoogleError, match=rf"127\.0\.0\.1/iam/v1/thing answered {answer[0]} with .*A proxy") as failure:
        client.find(READ)
    assert failure.value.status == 0
    assert "alice" not in str(failure.value)


@pytest.mark.parametrize("start", [{"done": True}, {}, {"name": "o/7", "done": "true"}])
def test_an_operation_without_a_name_is_no_answer(
    script: tuple[list[tuple[int, Any]], Proxy], start: dict[str, Any]
) -> None:
    answers, proxy = script
    answers += [(200, start), (200, {"name": "o/7", "done": True})]
    assert google(proxy).run(START) == {}
    assert len(proxy.calls) == 2


def test_an_empty_list_is_an_answer(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(200, {}), (200, {"things": {}}), (200, {"things": [{"name": "thing"}]})]
    assert list(google(proxy).listed(LIST, "things")) == []
    assert list(google(proxy).listed(LIST, "things")) == [{"name": "thing"}]


def test_a_deletion_is_repeated_until_nothing_is_there(script: tuple[list[tuple[int, Any]], Proxy]) -> None:
    answers, proxy = script
    answers += [(200, {}), (200, b"<html>"), (200, {}), (404, MISSING)]
    google(proxy).delete(replace(READ, method="DELETE", answer=EMPTY))
    assert proxy.calls == [("DELETE", "/iam/v1/thing")] * 4


def test_nobody_listening_is_told_long_before_the_deadline() -> None:
    client = google(Proxy("http://127.0.0.1:9", lambda method, path: None), seconds=3600)
    client.endpoint, client.unreachable_after = "http://127.0.0.1:9", 0.1
    with pytest.raises(GoogleError, match="Could not read the thing: Google could not be reached"):
        client.send(READ)


def test_nobody_listening_is_told_without_a_stack_of_urls() -> None:
    client = google(Proxy("", url="http://127.0.0.1:9"), seconds=0.3)
    with pytest.raises(DeadlineError, match="Google could not be reached: ConnectionError at iam"):
        client.send(READ)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}}, "SERVICE_DISABLED"),
        ({"error": {"errors": [{"reason": "accessDenied"}]}}, "accessDenied"),
        ({"error": {"status": "PERMISSION_DENIED", "errors": [{"reason": "forbidden"}]}}, "PERMISSION_DENIED"),
        ({"error": "invalid_grant"}, ""),
    ],
)
def test_the_most_telling_reason_is_kept(script: tuple[list[tuple[int, Any]], Proxy], body: Any, reason: str) -> None:
    answers, proxy = script
    answers += [(400, body)]
    with pytest.raises(GoogleError) as refusal:
        google(proxy).send(READ)
    assert refusal.value.reason == reason
    assert json.dumps(body)


@pytest.mark.parametrize("host", ["http://google.example", "http://127.0.0.1.evil.example", "ftp://x"])
def test_tokens_go_to_https_or_loopback_only(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", f"{host}/{{service}}")
    with pytest.raises(ValueError, match="KEYLESS_GOOGLE_ENDPOINT must be https"):
        Google.from_env(requests.Session(), seconds=1)


def test_an_endpoint_has_a_place_for_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", "https://psc.example.com")
    with pytest.raises(ValueError, match=r"must contain \{service\}"):
        Google.from_env(requests.Session(), seconds=1)
