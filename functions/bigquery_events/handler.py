"""Insert events into BigQuery from Lambda, with no key: from a queue, from EventBridge, or over HTTP."""

import json
import os
from collections.abc import Mapping
from typing import Any

import keyless
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import EventBridgeEvent, LambdaFunctionUrlEvent, SQSEvent, SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from google.cloud.bigquery import DEFAULT_RETRY

from .events import RejectedEventError, row

TABLE = os.environ["EVENTS_TABLE"]  # project.dataset.table
RETRY = DEFAULT_RETRY.with_timeout(20)  # less than the function's timeout, so that a failure is told

logger = Logger()
batch = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
client = keyless.bigquery_client()  # in init: by the time it returns, the token is there


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Insert the valid events and report the rejected ones in the sender's own form.

    A fault that concerns all events (no table, no permission, no answer from Google) is raised: every sender retries.
    """
    if "Records" in event:
        return from_queue(SQSEvent(event), context)
    if "detail-type" in event:
        from_bus(EventBridgeEvent(event))
        return None
    if "requestContext" in event:
        return from_http(LambdaFunctionUrlEvent(event))
    raise RejectedEventError("Unsupported event: expected SQS, EventBridge or a Function URL request")


def from_queue(event: SQSEvent, context: LambdaContext) -> dict[str, Any]:
    """Insert messages of SQS; rejected ones return to the queue and end in its dead-letter queue."""
    rejected = insert({message.message_id: message.body for message in event.records})

    def report(record: SQSRecord) -> None:  # by this name Powertools hands it over
        if reason := rejected.get(record.message_id):
            raise RejectedEventError(reason)

    return dict(process_partial_response(event.raw_event, report, batch, context))


def from_bus(event: EventBridgeEvent) -> None:
    """Insert an event of EventBridge; a rejected one is an error, so it ends in the queue of failed events."""
    known = {"type": event.detail_type, "time": event.time, "data": event.detail}
    for reason in insert({event.get_id: known}).values():
        raise RejectedEventError(reason)


def from_http(request: LambdaFunctionUrlEvent) -> dict[str, Any]:
    """Insert one event or an array of them; 200 when all are inserted, 207 when some are, 400 when none is."""
    try:
        body = request.json_body
    except ValueError:
        body = request.body  # which is then rejected for not being JSON
    events = body if isinstance(body, list) else [body]
    deliveries = [f"{request.request_context.request_id}-{index}" for index in range(len(events))]
    rejected = insert(dict(zip(deliveries, events, strict=True)))
    told = [{"index": deliveries.index(delivery), "reason": reason} for delivery, reason in rejected.items()]
    status = 200 if not rejected else 207 if len(rejected) < len(events) else 400
    answer = json.dumps({"inserted": len(events) - len(rejected), "rejected": told})
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": answer}


def insert(events: Mapping[str, object]) -> dict[str, str]:
    """Insert events, by the IDs of their deliveries, in one request; return the reason of each rejection."""
    rows: dict[str, dict[str, Any]] = {}
    rejected: dict[str, str] = {}
    for delivery, event in events.items():
        try:
            rows[delivery] = row(event, delivery)
        except RejectedEventError as error:
            rejected[delivery] = str(error)
    if rows:
        ids, deliveries = [found["id"] for found in rows.values()], list(rows)
        options: dict[str, Any] = {"skip_invalid_rows": True, "retry": RETRY, "timeout": 10}
        for refused in client.insert_rows_json(TABLE, list(rows.values()), row_ids=ids, **options):
            rejected[deliveries[refused["index"]]] = "; ".join(error["message"] for error in refused["errors"])
    for delivery, reason in rejected.items():
        logger.warning("An event was rejected", delivery=delivery, reason=reason)
    return rejected
