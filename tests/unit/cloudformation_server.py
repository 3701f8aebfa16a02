"""A CloudFormation on loopback that tells of one stack: its status, its events and its resources."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import pytest

from keyless_federation.model.federation import RESOURCE_TYPE, Federation
from tests.local.federation_properties import ACCOUNT, REGION
from tests.local.loopback import Quiet, on_loopback

Json = dict[str, Any]
STACK = "AWS::CloudFormation::Stack"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/calm/0f0e0d0c-0000-4000-8000-000000000000"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:keyless-federation-dev-{REGION}"


@dataclass
class Stack:
    """What is told of the stack: `events` newest first, one to a page, and `resources` by logical ID.

    `silent` requests are not answered first; `root` is the outermost stack, where this one is nested.
    """

    status: str = "UPDATE_IN_PROGRESS"
    events: list[Json] = field(default_factory=list)
    resources: dict[str, str] = field(default_factory=dict)
    silent: int = 0
    root: str = ""
    asked: list[str] = field(default_factory=list)

    def tell(
        self, logical_id: str, status: str, properties: Json | None = None, physical_id: str | None = None
    ) -> None:
        """Add the newest event; of the stack itself without properties."""
        given = {"ServiceToken": FUNCTION, **properties} if properties is not None else None
        if physical_id is None and properties is not None:
            physical_id = Federation.from_properties(properties).physical_id
        event = {
            "LogicalResourceId": logical_id,
            "PhysicalResourceId": physical_id or "",
            "ResourceType": RESOURCE_TYPE if properties is not None else STACK,
            "ResourceStatus": status,
            **({"ResourceProperties": json.dumps(given)} if given else {}),
        }
        self.events.insert(0, event)

    def answer(self, asked: Json) -> str:
        """The body of an answer, without its envelope."""
        match asked["Action"][0]:
            case "DescribeStacks":
                root = f"<RootId>{self.root}</RootId>" if self.root else ""
                return f"<Stacks><member><StackStatus>{self.status}</StackStatus>{root}</member></Stacks>"
            case "DescribeStackEvents":
                page = int(asked.get("NextToken", ["0"])[0])
                more = f"<NextToken>{page + 1}</NextToken>" if page + 1 < len(self.events) else ""
                return f"<StackEvents>{''.join(map(_member, self.events[page : page + 1]))}</StackEvents>{more}"
            case _:
                shown = (
                    {
                        "LogicalResourceId": name,
                        "PhysicalResourceId": physical_id,
                        "ResourceType": RESOURCE_TYPE,
                        "ResourceStatus": "UPDATE_COMPLETE",
                    }
                    for name, physical_id in self.resources.items()
                )
                return f"<StackResourceSummaries>{''.join(map(_member, shown))}</StackResourceSummaries>"

    @contextmanager
    def telling(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Answer boto3's clients until the block ends."""
        stack = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                action = asked["Action"][0]
                stack.asked.append(action)
                if stack.silent:
                    stack.silent -= 1
                    code = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"
                    self.reply(400, code.encode())
                    return
                told = stack.answer(asked)
                self.reply(
                    200, f"<{action}Response><{action}Result>{told}</{action}Result></{action}Response>".encode()
                )

        with on_loopback(Handler) as url:
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            for name, value in {"REGION": REGION, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
                monkeypatch.setenv(f"AWS_{name}", value)
            monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
            yield


def _member(values: Json) -> str:
    return f"<member>{''.join(f'<{name}>{escape(value)}</{name}>' for name, value in values.items())}</member>"
