"""What the local AWS tells of a custom resource's stack, as the real one: a request is proven, or refused."""

import json

import pytest

from functions.gcp_federation.cloudformation import Event
from functions.gcp_federation.stack import PAUSES, Stack
from keyless_federation.errors import StaleRequestError, UnprovenRequestError
from keyless_federation.model.federation import RESOURCE_TYPE
from tests.local.aws_lab import ACCOUNT, REGION, LocalAws

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:slow"
pytestmark = pytest.mark.usefixtures("in_a_function")


class Clock:
    """Time that passes only here."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)


def request(stack_id: str, kind: str, **properties: str) -> Event:
    """CloudFormation's request for a resource of this stack."""
    return Event.read(
        {
            "RequestType": kind,
            "RequestId": "r",
            "StackId": stack_id,
            "LogicalResourceId": "Slow",
            "ResponseURL": "http://127.0.0.1:9/",
            "ResourceProperties": {"ServiceToken": FUNCTION, **properties},
        }
    )


def test_a_stack_at_rest_waits_for_nothing(aws: LocalAws) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/at-rest", "Type": "String", "Value": "x"}}
    cloudformation, clock = aws.client("cloudformation"), Clock()
    template = json.dumps({"Resources": {"Parameter": parameter}})
    stack_id = cloudformation.create_stack(StackName="at-rest", TemplateBody=template)["StackId"]
    aws.settled("at-rest")
    with pytest.raises(StaleRequestError, match=r"no longer waits for this Update \(stack status CREATE_COMPLETE\)"):
        Stack(stack_id, FUNCTION, clock).due(request(stack_id, "Update"))
    assert len(clock.slept) == len(PAUSES)  # looked at more than once: a wrong refusal would stop a deployment


def test_a_stack_in_progress_is_served_at_once_and_for_what_it_asks(aws: LocalAws) -> None:
    aws.answering("slow", wait=5)
    resource = {"Type": RESOURCE_TYPE, "Properties": {"ServiceToken": FUNCTION, "Asked": True}}
    template = json.dumps({"Resources": {"Slow": resource}})
    stack_id = aws.client("cloudformation").create_stack(StackName="moving", TemplateBody=template)["StackId"]
    clock = Clock()
    due = Stack(stack_id, FUNCTION, clock).due(request(stack_id, "Create", Asked="true"))
    assert (due.status, due.properties) == ("CREATE_IN_PROGRESS", {"Asked": "true"})
    assert due.owner == f"{ACCOUNT}/{REGION}/moving"
    assert clock.slept == [0.0]
    with pytest.raises(UnprovenRequestError, match="properties are not those"):
        Stack(stack_id, FUNCTION, clock).due(request(stack_id, "Create", Asked="for more"))
    aws.settled("moving")


def test_an_unknown_stack_is_refused_and_so_is_a_cloudformation_that_cannot_be_reached(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/unknown/0f0e"
    with pytest.raises(UnprovenRequestError, match="does not tell of the stack"):
        Stack(stack_id, FUNCTION, Clock()).due(request(stack_id, "Create"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UnprovenRequestError, match="does not tell of the stack"):
        Stack(stack_id, FUNCTION, Clock()).due(request(stack_id, "Create"))
