"""A request for a stack that is at rest came late: asked of the local AWS, as of the real one."""

import json

import pytest

from functions.gcp_federation.cloudformation import Event
from functions.gcp_federation.events import Facts, StaleRequestError, tasks
from functions.gcp_federation.stack import LOOKS, Stack
from tests.local.aws_lab import PYTHON, REGION, LocalAws, archive

SLOW = "import time\ndef handler(event, context):\n    time.sleep(30)\n"
pytestmark = pytest.mark.usefixtures("in_a_function")


class Clock:
    """Time that passes only here."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)


def request(stack_id: str, kind: str) -> Event:
    """CloudFormation's request for a resource of this stack."""
    return Event.read(
        {
            "RequestType": kind,
            "RequestId": "r",
            "StackId": stack_id,
            "LogicalResourceId": "GoogleOpen",
            "ResponseURL": "http://127.0.0.1:9/",
        }
    )


def test_a_stack_at_rest_waits_for_nothing(aws: LocalAws) -> None:
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/at-rest", "Type": "String", "Value": "x"}}
    cloudformation, clock = aws.client("cloudformation"), Clock()
    template = json.dumps({"Resources": {"Parameter": parameter}})
    stack_id = cloudformation.create_stack(StackName="at-rest", TemplateBody=template)["StackId"]
    aws.settled("at-rest")
    facts = Facts.of(request(stack_id, "Update"), Stack(stack_id, clock))
    with pytest.raises(StaleRequestError, match=r"no longer waits for this Update \(stack status CREATE_COMPLETE\)"):
        tasks(facts)
    assert clock.slept == list(LOOKS)  # looked at more than once: a wrong refusal would stop a deployment


def test_a_stack_in_progress_is_served_at_once(aws: LocalAws) -> None:
    role, cloudformation, clock = aws.create_role("slow"), aws.client("cloudformation"), Clock()
    function = aws.client("lambda").create_function(
        FunctionName="slow",
        Runtime=PYTHON,
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": archive({"index.py": SLOW})},
    )
    given = {"ServiceToken": function["FunctionArn"], "ServiceTimeout": "5"}
    resource = {"Type": "Custom::Slow", "Properties": given}
    template = json.dumps({"Resources": {"Slow": resource}})
    stack_id = cloudformation.create_stack(StackName="moving", TemplateBody=template)["StackId"]
    assert Stack(stack_id, clock).status("Create") == "CREATE_IN_PROGRESS"
    assert clock.slept == [0.0]


def test_what_cloudformation_does_not_tell_is_believed(aws: LocalAws) -> None:
    assert Stack(f"arn:aws:cloudformation:{REGION}:111122223333:stack/unknown/0f0e", Clock()).status("Create") == ""


def test_a_cloudformation_that_cannot_be_reached_is_no_reason_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    clock = Clock()
    assert Stack(f"arn:aws:cloudformation:{REGION}:111122223333:stack/demo/0f0e", clock).status("Create") == ""
    assert clock.slept == [0.0]
