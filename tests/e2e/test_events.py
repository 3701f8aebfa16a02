"""Events from each sender reach BigQuery once; whatever cannot is told to its sender, and kept."""

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local import events_table
from local.clouds import PROJECT, REGION
from local.deployment import STAGE, Deployment
from local.invoke import InvocationFailed, client, invoke
from tests.e2e.chain import Chain

FUNCTION = f"keyless-bigquery-events-{STAGE}"
QUEUE = f"keyless-events-{STAGE}"
DATASET = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets/{events_table.DATASET}"
TABLE = f"{PROJECT}.{events_table.DATASET}.{events_table.TABLE}"
WRITER = f"aws-bq-writer@{PROJECT}.iam.gserviceaccount.com"
TIME = "2026-02-03T04:05:06Z"
PATIENCE = 120.0  # seconds
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Events:
    """Every way in, and a look at what came out."""

    environment: Mapping[str, str]

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Hand an event to the function as Lambda's services do."""
        return invoke(event, self.environment, FUNCTION)

    def send(self, *bodies: object) -> list[str]:
        """Send messages to the queue in one call; their IDs."""
        entries = [{"Id": str(index), "MessageBody": text(body)} for index, body in enumerate(bodies)]
        answer = self.sqs.send_message_batch(QueueUrl=self.queue(), Entries=entries)
        return [sent["MessageId"] for sent in sorted(answer["Successful"], key=lambda sent: int(sent["Id"]))]

    def post(self, body: str, *, signer: Credentials | None = None, signed: bool = True) -> requests.Response:
        """POST to the Function URL, as it is reached locally."""
        url = client("lambda", self.environment).get_function_url_config(FunctionName=FUNCTION)["FunctionUrl"]
        identifier = url.removeprefix("https://").partition(".")[0]
        address = f"{self.environment['AWS_ENDPOINT_URL']}/_aws/lambda-url/{identifier}/"
        request = AWSRequest("POST", address, data=body, headers={"Content-Type": "application/json"})
        if signed:
            root = Credentials(self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])
            SigV4Auth(signer or root, "lambda", REGION).add_auth(request)
        return requests.post(address, data=body, headers=dict(request.headers.items()), timeout=60)

    def put(self, kind: str, detail: object, source: str = f"keyless.{STAGE}") -> str:
        """Put an event on the default bus; its ID."""
        entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
        answer = client("events", self.environment).put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        identifier: str = answer["Entries"][0]["EventId"]
        return identifier

    def rows(self, kind: str) -> list[tuple[str, Any]]:
        """ID and data of the rows with this type."""
        sql = f"SELECT id, TO_JSON_STRING(data) FROM `{TABLE}` WHERE type = '{kind}' ORDER BY id"
        answer = self.chain.query(self.environment["GOOGLE_ADMIN_TOKEN"], sql)
        assert answer.status == 200, answer
        return [(row["f"][0]["v"], json.loads(row["f"][1]["v"])) for row in answer.body.get("rows", [])]

    def queue(self, suffix: str = "") -> str:
        """The URL of one of the three queues."""
        url: str = self.sqs.get_queue_url(QueueName=QUEUE + suffix)["QueueUrl"]
        return url

    def kept(self, suffix: str) -> list[Any]:
        """What the queue of failures holds, taken out of it."""
        url, found = self.queue(suffix), []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(message)
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    @property
    def sqs(self) -> Any:
        """A client of SQS."""
        return client("sqs", self.environment)

    @property
    def chain(self) -> Chain:
        """An administrator's way to Google."""
        return Chain(self.environment, "")


@pytest.fixture(scope="module")
def sent(deployed: Deployment) -> Iterator[Events]:
    """The deployed example, warm, with a queue that delivers again after 3 s and gives up after 3 deliveries."""
    sender = Events(deployed.clouds.environment)
    sender.post("[]")
    names = ["VisibilityTimeout", "RedrivePolicy"]
    before = sender.sqs.get_queue_attributes(QueueUrl=sender.queue(), AttributeNames=names)["Attributes"]
    policy = {**json.loads(before["RedrivePolicy"]), "maxReceiveCount": 3}
    quick = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(policy)}
    sender.sqs.set_queue_attributes(QueueUrl=sender.queue(), Attributes=quick)
    yield sender
    sender.sqs.set_queue_attributes(QueueUrl=sender.queue(), Attributes=before)


@pytest.fixture
def kind() -> str:
    """A type of event that no other test sends."""
    return f"test.{uuid.uuid4().hex}"


def test_a_message_becomes_a_row(sent: Events, kind: str) -> None:
    (message,) = sent.send(event(kind, n=1))
    assert within_patience(lambda: sent.rows(kind)) == [(message, {"n": 1})]


def test_an_event_of_the_bus_becomes_a_row(sent: Events, kind: str) -> None:
    identifier = sent.put(kind, {"n": 2})
    sent.put(kind, {"n": 3}, source="somebody.else")
    assert within_patience(lambda: sent.rows(kind)) == [(identifier, {"n": 2})]


def test_a_request_becomes_a_row(sent: Events, kind: str) -> None:
    response = sent.post(json.dumps(event(kind, n=4)))
    assert (response.status_code, response.json()) == (200, {"inserted": 1, "rejected": []})
    assert [data for _, data in sent.rows(kind)] == [{"n": 4}]


def test_of_a_batch_only_what_is_bad_is_reported_and_a_second_delivery_adds_nothing(sent: Events, kind: str) -> None:
    messages = {"m1": event(kind, n=1), "m2": {**event(kind), "time": "yesterday"}, "m3": event(kind, n=3)}
    delivered = batch({f"{kind}-{name}": body for name, body in messages.items()})
    for _ in range(2):
        assert sent.invoke(delivered) == {"batchItemFailures": [{"itemIdentifier": f"{kind}-m2"}]}
        assert sent.rows(kind) == [(f"{kind}-m1", {"n": 1}), (f"{kind}-m3", {"n": 3})]


def test_a_bad_message_ends_in_the_dead_letter_queue_and_the_good_beside_it_in_the_table(
    sent: Events, kind: str
) -> None:
    good, bad, other = sent.send(event(kind, n=1), {**event(kind), "color": "red"}, event(kind, n=2))
    (dead,) = within_patience(lambda: sent.kept("-dead-letters"))
    assert (dead["MessageId"], json.loads(dead["Body"])["color"]) == (bad, "red")
    assert sorted(row for row, _ in sent.rows(kind)) == sorted([good, other])
    assert f"{bad} 'color' is not a field of an event" in rejections(sent)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("nonsense", "this cannot be read as JSON"),
        ([1, 2], "An event is a JSON object with 'type', 'time' and 'data'"),
        ({"data": 1}, "'type' must be a text; 'time' must be a text"),
        ({"type": "", "time": 7, "id": None}, "'id' must be a text; 'type' must be a text; 'time' must be a text"),
        ({"type": "x", "time": TIME, "id": "9" * 129}, "'id' is longer than 128 characters"),
        ({"type": "x", "time": "soon"}, "Could not parse 'soon' as a timestamp"),
    ],
)
def test_the_log_says_what_is_wrong_with_a_message(sent: Events, kind: str, body: object, reason: str) -> None:
    assert sent.invoke(batch({kind: body})) == {"batchItemFailures": [{"itemIdentifier": kind}]}
    assert any(told.startswith(kind) and reason in told for told in rejections(sent))


def test_a_request_with_good_and_bad_events_is_told_which_is_which(sent: Events, kind: str) -> None:
    bad = {**event(kind), "time": "yesterday"}
    response = sent.post(json.dumps([event(kind, n=1), bad, {"type": kind}, event(kind, n=2)]))
    assert (response.status_code, response.json()["inserted"]) == (207, 2)
    told = {one["index"]: one["reason"] for one in response.json()["rejected"]}
    assert told.keys() == {1, 2}
    assert told[1].startswith("Could not parse 'yesterday' as a timestamp")
    assert told[2] == "'time' must be a text"
    assert [data for _, data in sent.rows(kind)] == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("body", ["", "nonsense", "7", '{"type": "x"}', "[[]]"])
def test_a_request_with_nothing_good_in_it_is_a_bad_request(sent: Events, body: str) -> None:
    response = sent.post(body)
    assert (response.status_code, response.json()["inserted"]) == (400, 0)
    assert response.json()["rejected"][0]["reason"]


@pytest.mark.parametrize(
    "method", [{"httpMethod": "POST"}, {"http": {"method": "POST"}}], ids=["payload 1.0", "payload 2.0"]
)
def test_an_api_gateway_in_front_is_as_good_as_the_url(sent: Events, kind: str, method: dict[str, Any]) -> None:
    body = base64.b64encode(json.dumps(event(kind, name="Zoë")).encode()).decode()
    context = {"requestId": kind, **method}
    request = {"requestContext": context, "body": body, "isBase64Encoded": True}
    for _ in range(2):
        assert json.loads(sent.invoke(request)["body"]) == {"inserted": 1, "rejected": []}
    assert sent.rows(kind) == [(f"{kind}-0", {"name": "Zoë"})]


def test_what_comes_from_elsewhere_is_an_error_and_no_answer(sent: Events) -> None:
    with pytest.raises(InvocationFailed, match="RejectedEventError: Unsupported event"):
        sent.invoke({"type": "x", "time": TIME})


def test_an_event_with_an_id_of_its_own_is_one_row_however_often_and_wherever_it_comes(sent: Events, kind: str) -> None:
    mine = {**event(kind, n=1), "id": f"{kind}-own"}
    assert sent.post(json.dumps([mine, mine])).json()["inserted"] == 2
    assert sent.post(json.dumps(mine)).status_code == 200
    sent.invoke(batch({"another-delivery": mine}))
    assert sent.rows(kind) == [(f"{kind}-own", {"n": 1})]


def test_the_url_is_closed_to_the_unsigned_and_to_roles_without_the_right(sent: Events, kind: str) -> None:
    body = json.dumps(event(kind))
    assert sent.post(body, signed=False).status_code == 403
    keys = sent.chain.assume(f"keyless-bigquery-query-{STAGE}-{REGION}", "somebody")
    role = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    assert sent.post(body, signer=role).status_code == 403
    assert sent.rows(kind) == []


def test_a_missing_table_is_named_and_what_was_sent_meanwhile_arrives_once_it_is_there(sent: Events, kind: str) -> None:
    logged = len(log(sent))
    with without_table(sent):
        (message,) = sent.send(event(kind, n=1))
        within_patience(lambda: [line for line in log(sent)[logged:] if "NotFound" in line])
        with pytest.raises(InvocationFailed, match=f"NotFound: .*Table {PROJECT}:events.events was not found"):
            sent.invoke(batch({"another": event(kind)}))
        assert sent.post(json.dumps(event(kind))).status_code == 502
    assert within_patience(lambda: sent.rows(kind)) == [(message, {"n": 1})]


def test_a_closed_dataset_is_named_and_an_event_of_the_bus_is_kept_with_the_error(sent: Events, kind: str) -> None:
    with without_grant(sent):
        identifier = sent.put(kind, {"n": 1})
        denied = "Forbidden: .*Permission bigquery.tables.updateData denied on table keyless-local:events.events"
        with pytest.raises(InvocationFailed, match=denied):
            sent.invoke(batch({"another": event(kind)}))
        (failed,) = within_patience(lambda: sent.kept("-failed"))
    kept = json.loads(failed["Body"])
    assert (kept["requestPayload"]["id"], kept["requestPayload"]["detail"]) == (identifier, {"n": 1})
    assert "keyless-local:events.events" in kept["responsePayload"]["errorMessage"]
    assert sent.rows(kind) == []


def test_a_rejected_event_of_the_bus_is_an_error(sent: Events, kind: str) -> None:
    bad = {"id": kind, "detail-type": "", "source": "x", "time": TIME, "detail": {}}
    with pytest.raises(InvocationFailed, match="RejectedEventError: 'type' must be a text"):
        sent.invoke(bad)


def test_the_writer_may_write_to_its_dataset_and_run_no_query(sent: Events, deployed: Deployment) -> None:
    audience = client("lambda", sent.environment).get_function_configuration(FunctionName=FUNCTION)
    chain = Chain(sent.environment, audience["Environment"]["Variables"]["KEYLESS_AUDIENCE"])
    token = chain.token(f"{FUNCTION}-{REGION}", FUNCTION, WRITER)
    refused = chain.query(token, "SELECT 1")
    assert (refused.status, "bigquery.jobs.create" in refused.words) == (403, True)
    access = sent.chain.admin("GET", DATASET).body["access"]
    assert {"role": "WRITER", "userByEmail": WRITER} in access


def event(kind: str, **data: object) -> dict[str, object]:
    """A good event."""
    return {"type": kind, "time": TIME, "data": data}


def text(body: object) -> str:
    """As the body of a message."""
    return body if isinstance(body, str) else json.dumps(body)


def batch(bodies: Mapping[str, object]) -> dict[str, Any]:
    """Messages by ID, as SQS hands them to a function."""
    fixed = {"eventSource": "aws:sqs", "attributes": {}, "messageAttributes": {}, "receiptHandle": "r"}
    return {"Records": [{**fixed, "messageId": name, "body": text(body)} for name, body in bodies.items()]}


def log(sent: Events) -> list[str]:
    """What the function logged."""
    logs = client("logs", sent.environment)
    return [e["message"] for e in logs.filter_log_events(logGroupName=f"/aws/lambda/{FUNCTION}")["events"]]


def rejections(sent: Events) -> list[str]:
    """`DELIVERY REASON` of everything that was rejected, from the log."""
    lines = [json.loads(line) for line in log(sent) if '"An event was rejected"' in line]
    return [f"{line['delivery']} {line['reason']}" for line in lines]


def within_patience(look: Callable[[], Found]) -> Found:
    """What `look` finds, once it finds anything."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.1)
    return found


@contextmanager
def without_table(sent: Events) -> Iterator[None]:
    """The table deleted, and made anew."""
    assert sent.chain.admin("DELETE", f"{DATASET}/tables/{events_table.TABLE}").status in (200, 204)
    try:
        yield
    finally:
        events_table.make_table(sent.environment)


@contextmanager
def without_grant(sent: Events) -> Iterator[None]:
    """The dataset closed to the writer, and opened again."""
    before = sent.chain.admin("GET", DATASET).body["access"]
    kept = [entry for entry in before if entry.get("userByEmail") != WRITER]
    assert len(kept) < len(before)
    sent.chain.admin("PATCH", DATASET, {"access": kept})
    try:
        yield
    finally:
        sent.chain.admin("PATCH", DATASET, {"access": before})
