"""What the federation's Lambda learns when its stack was rolled back: from the local AWS, as from the real one."""

import json
import time
from typing import Any

import pytest

from functions.gcp_federation import stack as stacks
from functions.gcp_federation.stack import Stack
from keyless_federation.model.federation import RESOURCE_TYPE, Phase
from tests.local.aws_lab import ACCOUNT, PYTHON, REGION, LocalAws, archive
from tests.local.federation_properties import provider

LISTENER = "import json\ndef handler(event, context):\n    print('EVENT', json.dumps(event))\n"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:answering"
FEDERATION = {
    "Project": "keyless-local",
    "ProjectNumber": "472918365047",
    "Owner": "111122223333/eu-west-1/steady",
    "Pool": {"Id": "keyless-pool"},
    "Provider": provider("steady", "steady-role"),
}
pytestmark = pytest.mark.usefixtures("in_a_function")


def stack(value: str, name: str = "steady", **more: Any) -> str:
    """A template with both phases of a federation, behind a function that only answers, and a parameter."""
    given = {"ServiceToken": FUNCTION, "ServiceTimeout": "20", **FEDERATION}
    phases = {
        phase.title(): {"Type": RESOURCE_TYPE, "Properties": {**given, "Phase": phase}} for phase in ("open", "settle")
    }
    parameter = {"Type": "AWS::SSM::Parameter", "Properties": {"Name": f"/{name}", "Type": "String", "Value": value}}
    return json.dumps({"Resources": {"Parameter": parameter, **phases, **more}})


BROKEN = {
    "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "DependsOn": "Open",
    "Properties": {"PolicyName": "without a type"},
}


def update(aws: LocalAws, template: str, expected: str) -> str:
    """Update the stack to `template`; its ID."""
    cloudformation = aws.client("cloudformation")
    stack_id: str = cloudformation.update_stack(StackName="steady", TemplateBody=template)["StackId"]
    assert aws.settled("steady")["StackStatus"] == expected
    return stack_id


def test_a_rolled_back_stack_is_told_of_and_its_events_say_what_is_wanted_again(aws: LocalAws) -> None:
    listen(aws)
    aws.answering("answering")
    aws.client("cloudformation").create_stack(StackName="steady", TemplateBody=stack("one"))
    assert aws.settled("steady")["StackStatus"] == "CREATE_COMPLETE"
    wider = stack("two", Broken=BROKEN).replace("steady-role", "next-role")
    stack_id = update(aws, wider, "UPDATE_ROLLBACK_COMPLETE")

    assert stacks.rolled_back_stack(heard(aws)) == stack_id
    (federation,) = Stack(stack_id, FUNCTION).rolled_back()
    assert federation.wanted.phase is Phase.SETTLE
    assert "steady-role" in federation.wanted.provider.condition
    assert federation.attempted
    assert "next-role" in federation.attempted.provider.condition

    update(aws, stack("three"), "UPDATE_COMPLETE")
    assert Stack(stack_id, FUNCTION).rolled_back() == []  # another deployment came in between, and settled for itself


def test_cloudformations_own_requests_are_no_status_changes() -> None:
    assert stacks.rolled_back_stack({"RequestType": "Update", "StackId": "arn:aws:cloudformation:..."}) is None


def listen(aws: LocalAws) -> None:
    """A function that logs what the rule for rolled-back stacks brings it."""
    role = aws.create_role("listener")
    function = aws.client("lambda").create_function(
        FunctionName="listener",
        Runtime=PYTHON,
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": archive({"index.py": LISTENER})},
    )
    pattern = {
        "source": ["aws.cloudformation"],
        "detail-type": [stacks.STATUS_CHANGE],
        "detail": {"status-details": {"status": [stacks.ROLLED_BACK]}},
    }
    events = aws.client("events")
    events.put_rule(Name="rolled-back", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="rolled-back", Targets=[{"Id": "listener", "Arn": function["FunctionArn"]}])


def heard(aws: LocalAws) -> dict[str, Any]:
    """The one event that the listener logged."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            lines = [line for line in aws.log("/aws/lambda/listener") if line.startswith("EVENT")]
        except aws.client("logs").exceptions.ResourceNotFoundException:
            lines = []
        if lines:
            (line,) = lines
            event: dict[str, Any] = json.loads(line.removeprefix("EVENT"))
            return event
        time.sleep(0.1)
    raise AssertionError("the listener heard nothing")
