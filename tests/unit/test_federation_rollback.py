"""What a rolled-back update had attempted: read from CloudFormation's own account of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import pytest

from functions.gcp_federation import stack
from keyless_federation.model.federation import RESOURCE_TYPE
from tests.local.federation_properties import provider, usual
from tests.local.federation_stack import STACK_ID

Json = dict[str, Any]
OPEN, SETTLE = {**usual("calm"), "Phase": "open"}, {**usual("calm"), "Phase": "settle"}
WIDER = {**OPEN, "Provider": provider("other", "next-role")}
TEMPLATE: Json = {
    "Resources": {
        "Open": {"Type": RESOURCE_TYPE, "Properties": OPEN},
        "Settle": {"Type": RESOURCE_TYPE, "Properties": SETTLE},
        "Function": {"Type": "AWS::Lambda::Function"},
    }
}


def event(logical_id: str, status: str, properties: Json | None = None, kind: str = RESOURCE_TYPE) -> str:
    """One of a stack's events, as XML."""
    said = f"<ResourceProperties>{escape(json.dumps(properties))}</ResourceProperties>" if properties else ""
    return (
        f"<member><LogicalResourceId>{logical_id}</LogicalResourceId><ResourceType>{kind}</ResourceType>"
        f"<ResourceStatus>{status}</ResourceStatus>{said}</member>"
    )


STORY = [  # newest first
    event("calm", "UPDATE_ROLLBACK_COMPLETE", kind=stack.STACK),
    event("Open", "UPDATE_IN_PROGRESS", OPEN),
    event("calm", "UPDATE_ROLLBACK_IN_PROGRESS", kind=stack.STACK),
    event("Open", "UPDATE_COMPLETE", WIDER),
    event("Open", "UPDATE_IN_PROGRESS", WIDER),
    event("calm", "UPDATE_IN_PROGRESS", kind=stack.STACK),
    event("Open", "UPDATE_IN_PROGRESS", {**OPEN, "Provider": provider("older", "older-role")}),
]


@contextmanager
def cloudformation(
    events: list[str], monkeypatch: pytest.MonkeyPatch, status: str = stack.ROLLED_BACK
) -> Iterator[None]:
    """A CloudFormation that tells of one stack in this status, its events one to a page."""

    class Telling(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            action, page = asked["Action"][0], int(asked.get("NextToken", ["0"])[0])
            more = f"<NextToken>{page + 1}</NextToken>" if page + 1 < len(events) else ""
            told = {
                "DescribeStacks": f"<Stacks><member><StackStatus>{status}</StackStatus></member></Stacks>",
                "GetTemplate": f"<TemplateBody>{escape(json.dumps(TEMPLATE))}</TemplateBody>",
                "DescribeStackEvents": f"<StackEvents>{''.join(events[page : page + 1])}</StackEvents>{more}",
            }[action]
            answer = f"<{action}Response><{action}Result>{told}</{action}Result></{action}Response>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Telling)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
    for name, value in {"REGION": "eu-west-1", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_was_attempted_is_what_the_last_update_first_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloudformation(STORY, monkeypatch):
        (federation,) = stack.rolled_back(STACK_ID)
    assert federation.wanted.id == "pool-calm/provider-calm"
    assert federation.attempted
    assert federation.attempted.id == "pool-calm/provider-other"


def test_a_cloudformation_that_does_not_tell_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloudformation([event("Open", "UPDATE_IN_PROGRESS"), *STORY[5:]], monkeypatch):
        (federation,) = stack.rolled_back(STACK_ID)
    assert federation.attempted is None
