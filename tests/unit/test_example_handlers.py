"""The example functions on hostile input: no message fails another one, and every sender is told what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import LAYER, Ran
from tests.unit.google_server import Fault, GoogleServer

FUNCTIONS = Path(__file__).parents[2] / "functions"
CODE = """
import importlib, json, sys
from types import SimpleNamespace
context = SimpleNamespace(function_name="f", memory_limit_in_mb=512, aws_request_id="r",
    invoked_function_arn="arn:aws:lambda:eu-central-1:111122223333:function:f")
handler = importlib.import_module(sys.argv[1]).handler
for event in json.loads(open(sys.argv[2]).read()):
    try:
        print("answer " + json.dumps(handler(event, context)))
    except Exception as error:
        print("answer " + json.dumps(f"{type(error).__name__}: {error}"))
"""
EVENT = {"type": "t", "time": "2026-02-03T04:05:06Z"}
GOOD = json.dumps(EVENT)
HOSTILE = {
    "nested": f'{{"type": "t", "time": "x", "data": {"[" * 100_000}',
    "closed": f'{{"type": "t", "time": "x", "data": {"[" * 100_000}{"]" * 100_000}}}',
    "array": "[" * 5000,
    "half": '{"type": "t", "time": "x", "data": "\\ud800"}',
    "half a key": '{"type": "t", "time": "x", "data": {"\\udc00": 1}}',
    "half a type": '{"type": "\\ud800", "time": "x"}',
    "half a field": '{"type": "t", "time": "x", "\\ud800": 1}',
    "not a number": '{"type": "t", "time": "x", "data": {"n": NaN}}',
    "infinite": '{"type": "t", "time": "x", "data": [1e999]}',
    "refused by Google": '{"type": "t", "time": "x", "data": "refuse this"}',
    "no text": "5",
}
Ask = Callable[..., list[Any]]


@pytest.fixture
def ask(run: Callable[..., Ran], google: GoogleServer, tmp_path: Path) -> Ask:
    """Hands events to an example in a process of its own; its answers, or its errors as text."""

    def ask(*events: Any, example: str = "bigquery_events.handler") -> list[Any]:
        (tmp_path / "events.json").write_text(json.dumps(events))
        code = f"import sys; sys.argv = ['', {example!r}, {str(tmp_path / 'events.json')!r}]\n{CODE}"
        paths = f"{LAYER}:{FUNCTIONS}"
        done = run(code, google.environ(PYTHONPATH=paths, EVENTS_TABLE="p.d.t", AWS_LAMBDA_FUNCTION_NAME="f"))
        answers = [line.removeprefix("answer ") for line in done.said if line.startswith("answer ")]
        assert len(answers) == len(events), done.err[-2000:]
        return [json.loads(answer) for answer in answers]

    return ask


def batch(**bodies: str) -> dict[str, Any]:
    """A batch of SQS with these messages."""
    arn = "arn:aws:sqs:eu-central-1:111122223333:q"
    shared = {"eventSource": "aws:sqs", "eventSourceARN": arn, "attributes": {}, "messageAttributes": {}}
    return {"Records": [{"messageId": name, "body": body, **shared} for name, body in bodies.items()]}


def post(body: str, **more: Any) -> dict[str, Any]:
    """A request to the Function URL."""
    return {"requestContext": {"requestId": "r", "http": {"method": "POST"}}, "body": body, **more}


def test_no_message_fails_its_neighbours(ask: Ask) -> None:
    (answer,) = ask(batch(first=GOOD, **HOSTILE, last=GOOD))
    assert [failed["itemIdentifier"] for failed in answer["batchItemFailures"]] == list(HOSTILE)


def test_over_http_bad_input_is_a_400(ask: Ask) -> None:
    posts = [post(body) for body in HOSTILE.values()]
    broken = [post("{"), post(""), post("%%%", isBase64Encoded=True), post("/w==", isBase64Encoded=True)]
    answers = ask(*posts, *broken, post(GOOD), post("[]"), post(f"[{GOOD}, 5]"))
    assert [answer["statusCode"] for answer in answers] == [400] * len(posts + broken) + [200, 200, 207]
    assert all(json.loads(answer["body"])["rejected"][0]["reason"] for answer in answers[: len(posts + broken)])


UNKNOWN: list[tuple[Any, str]] = [
    ({"Records": []}, "a batch without records"),
    ({"Records": [{"eventSource": "aws:s3", "s3": {}}]}, "records of aws:s3"),
    ({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}, "records of aws:sns"),
    ({"Records": [{"eventSource": "aws:sqs", "messageId": "m"}]}, "Unsupported event"),
    ({"Records": "none"}, "Unsupported event"),
    ({"detail-type": "t", "time": "x", "detail": {}}, "has an 'id'"),
    ({"detail-type": "t", "id": "i"}, "'time' must be a text"),
    ({"detail-type": 5, "id": "i", "time": "x"}, "'type' must be a text"),
    ({}, "Unsupported event"),
    ([GOOD], "Unsupported event"),
    ("text", "Unsupported event"),
    (5, "Unsupported event"),
]


def test_an_unknown_sender_is_told_a_sentence(ask: Ask) -> None:
    for (_, said), answer in zip(UNKNOWN, ask(*(event for event, _ in UNKNOWN)), strict=True):
        assert answer.startswith("RejectedEventError: ")
        assert said in answer


def test_load_balancers_and_web_sockets_get_an_answer(ask: Ask) -> None:
    balancer = {"requestContext": {"elb": {}}, "httpMethod": "POST", "body": GOOD}
    socket = {"requestContext": {"connectionId": "c", "requestId": "r", "eventType": "MESSAGE"}, "body": GOOD}
    for answer in ask(balancer, socket):
        assert answer["statusCode"] == 400
        assert "an HTTP request" in json.loads(answer["body"])["message"]


def test_requests_stay_below_google_s_limits(ask: Ask, google: GoogleServer) -> None:
    emoji = json.dumps({**EVENT, "data": "\U0001f600" * 240_000}, ensure_ascii=False)
    many = json.dumps([EVENT] * 60_000)
    large = json.dumps({**EVENT, "data": "\U0001f600" * 900_000}, ensure_ascii=False)
    queued, posted, refused = ask(batch(**{str(number): emoji for number in range(5)}), post(many), post(large))
    assert queued == {"batchItemFailures": []}
    assert json.loads(posted["body"]) == {"inserted": 60_000, "rejected": []}
    assert (refused["statusCode"], "is the most that is inserted" in refused["body"]) == (400, True)
    sizes = [len(asked.body) for asked in google.asked if "/insertAll" in asked.path]
    assert max(sizes) < 10_000_000


def test_what_hits_all_events_is_an_error_and_no_rejection(ask: Ask, google: GoogleServer) -> None:
    denied = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Access Denied: Table p:d.t"}}
    google.fail("bigquery", Fault(status=403, body=denied), times=None)
    queued, posted = ask(batch(m=GOOD), post(GOOD))
    assert "Access Denied" in queued
    assert "Access Denied" in posted


def test_the_query_refuses_what_is_no_word_and_takes_what_is(ask: Ask, google: GoogleServer) -> None:
    words: list[Any] = [["a"], 5, {"a": 1}, True, None, ""]
    example = "bigquery_query.handler"
    answers = ask(*({"word": word} for word in words), [], "x", {}, {"word": "king"}, example=example)
    assert answers[: len(words)] == ["ValueError: 'word' must be a text with at least one character"] * len(words)
    assert all(answer.startswith("ValueError: The event must be a JSON object") for answer in answers[-4:-2])
    assert answers[-2:] == [{"rows": [{"one": 1}]}] * 2
    queries = [json.loads(asked.body) for asked in google.asked if asked.service == "bigquery"]
    assert [19_000 < int(query["timeoutMs"]) <= 20_000 for query in queries] == [True, True]
