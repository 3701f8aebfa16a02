"""Insert events into BigQuery from Lambda, with no key: from a queue, from EventBridge, or over HTTP."""

import base64
import json
import os
from collections.abc import Mapping
from typing import Any

import keyless
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from .events import RejectedEventError, is_text, parsed, row
from .insertion import Row
from .insertion import insert as insert_rows

TABLE = os.environ["EVENTS_TABLE"]  # project.dataset.table
SECONDS = 20  # less than the function's timeout, so that a failure is told
UNSUPPORTED = "Unsupported event: expected messages of SQS, an event of EventBridge or an HTTP request, not "

logger = Logger()
batch = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
client = keyless.bigquery_client()  # in init: by the time it returns, the token is there


@logger.inject_lambda_context
def handler(event: Any, context: LambdaContext) -> dict[str, Any] | None:
    """Insert the valid events and report the rejected ones in the sender's own form.

    A fault that concerns all events (no table, no permission, no answer from Google) is raised: every sender retries.
    """
    match event:
        case {"Records": [*records]} if records and all(map(_is_message, records)):
            return from_queue(SQSEvent(event), context)
        case {"Records": []}:
            raise RejectedEventError(f"{UNSUPPORTED}a batch without records")
        case {"Records": [{"eventSource": source} | {"EventSource": source}, *_]}:
            raise RejectedEventError(f"{UNSUPPORTED}records of {source}")
        case {"detail-type": _}:
            from_bus(event)
            return None
        case {"requestContext": {"requestId": str(request), "http": _} | {"requestId": str(request), "httpMethod": _}}:
            return from_http(event, request)  # API Gateway says "http" in its payload 2.0 and "httpMethod" in 1.0
        case {"requestContext": _}:
            sender = "a request of a load balancer or a WebSocket API"
            return answer(400, {"message": UNSUPPORTED + sender})
    raise RejectedEventError(f"{UNSUPPORTED}this one")


def from_queue(event: SQSEvent, context: LambdaContext) -> dict[str, Any]:
    """Insert messages of SQS; rejected ones return to the queue and end in its dead-letter queue."""
    rejected = insert({message.message_id: message.body for message in event.records})

    def report(record: SQSRecord) -> None:  # by this name Powertools hands it over
        if reason := rejected.get(record.message_id):
            raise RejectedEventError(reason)

    return dict(process_partial_response(event.raw_event, report, batch, context))


def from_bus(event: Mapping[str, Any]) -> None:
    """Insert an event of EventBridge; a rejected one is an error, so it ends in the queue of failed events."""
    identifier = event.get("id")
    if not is_text(identifier):
        raise RejectedEventError("An event of EventBridge has an 'id', which is a text, and this one has none")
    known = {"type": event["detail-type"], "time": event.get("time"), "data": event.get("detail")}
    for reason in insert({str(identifier): known}).values():
        raise RejectedEventError(reason)


def from_http(event: Mapping[str, Any], request: str) -> dict[str, Any]:
    """Insert one event or an array of them; 200 when all are inserted, 207 when some are, 400 when none is."""
    try:
        body = parsed(_text(event))
    except RejectedEventError as error:
        return answer(400, {"inserted": 0, "rejected": [{"index": 0, "reason": str(error)}]})
    events = body if isinstance(body, list) else [body]
    deliveries = [f"{request}-{index}" for index in range(len(events))]
    rejected = insert(dict(zip(deliveries, events, strict=True)))
    places = {delivery: index for index, delivery in enumerate(deliveries)}
    told = [{"index": places[delivery], "reason": reason} for delivery, reason in rejected.items()]
    status = 200 if not rejected else 207 if len(rejected) < len(events) else 400
    return answer(status, {"inserted": len(events) - len(rejected), "rejected": told})


def answer(status: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an HTTP answer."""
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(content)}


def insert(events: Mapping[str, object]) -> dict[str, str]:
    """Insert events, by the IDs of their deliveries; return the reason of each rejection."""
    rows: list[Row] = []
    rejected: dict[str, str] = {}
    for delivery, event in events.items():
        try:
            rows.append(Row(delivery, row(event, delivery)))
        except RejectedEventError as error:
            rejected[delivery] = str(error)
    rejected |= insert_rows(client, TABLE, rows, seconds=SECONDS)
    for delivery, reason in rejected.items():
        logger.warning("An event was rejected", delivery=delivery, reason=reason)
    return rejected


def _is_message(record: object) -> bool:
    match record:
        case {"eventSource": "aws:sqs", "messageId": str(), "body": str()}:
            return True
    return False


def _text(event: Mapping[str, Any]) -> str:
    """Return the body of a request, which Lambda hands over in base64 where it is of no known type of text."""
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True).decode() if event.get("isBase64Encoded") else str(body)
    except ValueError as error:
        raise RejectedEventError("The body of the request is no text in UTF-8") from error
