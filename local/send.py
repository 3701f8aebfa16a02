"""Send an event to the deployed queue, as any sender would, and see it become a row."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from local import events_table
from local.deployment import STAGE
from local.invoke import client

QUEUE = f"keyless-events-{STAGE}"
EXAMPLE = '{"type": "order.placed", "time": "2026-02-03T04:05:06Z", "data": {"total": 12.5}}'


class NotInserted(RuntimeError):
    """The event did not become a row in time; the message says where to look."""


def send(event: Mapping[str, Any], environment: Mapping[str, str], *, patience: float = 60.0) -> dict[str, str]:
    """The row that `event` became; `environment` names the local clouds. Raises `NotInserted` after `patience` s."""
    sqs = client("sqs", environment)
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    message = sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))["MessageId"]
    wanted = event.get("id", message)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        for row in events_table.rows(environment):
            if row["id"] == wanted:
                return row
        time.sleep(0.1)
    raise NotInserted(
        f"The message {message} became no row within {patience:.0f} s. "
        f"The log group /aws/lambda/keyless-bigquery-events-{STAGE} says why."
    )


def main(argv: list[str]) -> None:
    """`python -m local send EVENT`: print the row; needs the environment of build/local.env."""
    if "AWS_ENDPOINT_URL" not in os.environ:
        raise SystemExit("Where is the local AWS? Start it with `make up`, then `. build/local.env`.")
    if not argv:
        raise SystemExit(f"usage: python -m local send '{EXAMPLE}'")
    try:
        print(json.dumps(send(json.loads(argv[0]), os.environ), indent=2))
    except NotInserted as error:
        raise SystemExit(str(error)) from error
