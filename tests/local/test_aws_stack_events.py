"""A stack's events on the local AWS say what was asked of each resource, as AWS's do."""

import json
from typing import Any

from tests.local.aws_lab import ACCOUNT, REGION, LocalAws

BROKEN = {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": {"PolicyName": "without a type"}}


def letters(seconds: int, **more: Any) -> dict[str, Any]:
    """A parameter, and a queue that is named after it."""
    name: dict[str, Any] = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "a<b & c"}}
    url = {"Fn::Sub": "letters-${AWS::Region}-${AWS::AccountId}"}
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": url, "VisibilityTimeout": seconds}}
    return {"Name": name, "Queue": queue, **more}


def asked(seconds: str) -> dict[str, str]:
    """The queue's properties as an event has them."""
    return {"QueueName": f"letters-{REGION}-{ACCOUNT}", "VisibilityTimeout": seconds}


def told(aws: LocalAws, stack: str, logical_id: str) -> list[tuple[str, Any]]:
    """The statuses of a resource with its properties, oldest first."""
    events = aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (event["ResourceStatus"], json.loads(event.get("ResourceProperties", "null")))
        for event in reversed(events)
        if event["LogicalResourceId"] == logical_id
    ]


def test_events_tell_what_was_asked_of_a_resource_and_what_a_rollback_asked_again(aws: LocalAws) -> None:
    stack_id = aws.deploy("letters", letters(30))["StackId"]
    before = [("CREATE_IN_PROGRESS", asked("30")), ("CREATE_COMPLETE", asked("30"))]
    assert told(aws, "letters", "Queue") == before
    assert ("CREATE_COMPLETE", {"Type": "String", "Value": "a<b & c"}) in told(aws, "letters", "Name")

    broken = {**BROKEN, "DependsOn": "Queue"}
    stack = aws.deploy("letters", letters(60, Broken=broken), update=True)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    rolled_back = told(aws, "letters", "Queue")[len(before) :]
    assert rolled_back == [
        ("UPDATE_IN_PROGRESS", asked("60")),
        ("UPDATE_COMPLETE", asked("60")),
        ("UPDATE_IN_PROGRESS", asked("30")),
        ("UPDATE_COMPLETE", asked("30")),
    ]
    assert [properties for _, properties in told(aws, "letters", "Broken")] == [BROKEN["Properties"]] * 2

    aws.client("cloudformation").delete_stack(StackName="letters")
    assert aws.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert ("DELETE_IN_PROGRESS", asked("30")) in told(aws, stack_id, "Queue")


def test_a_stack_s_own_events_have_no_properties_and_the_operation_s_token(aws: LocalAws) -> None:
    cloudformation = aws.client("cloudformation")
    template = json.dumps({"Resources": letters(30)})
    cloudformation.create_stack(StackName="tokened", TemplateBody=template, ClientRequestToken="first")
    aws.settled("tokened")
    assert told(aws, "tokened", "tokened") == [("CREATE_IN_PROGRESS", None), ("CREATE_COMPLETE", None)]
    events = cloudformation.describe_stack_events(StackName="tokened")["StackEvents"]
    assert {event["ClientRequestToken"] for event in events} == {"first"}


def physical(aws: LocalAws, stack: str, logical_id: str) -> list[tuple[str, str]]:
    """The statuses of a resource with its physical IDs, oldest first."""
    events = aws.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (event["ResourceStatus"], event.get("PhysicalResourceId", "").rpartition("/")[2])
        for event in reversed(events)
        if event["LogicalResourceId"] == logical_id
    ]


def test_what_an_update_removes_or_replaces_is_deleted_in_a_phase_of_its_own(aws: LocalAws) -> None:
    def queue(name: str) -> dict[str, Any]:
        return {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}

    aws.deploy("phases", {"Kept": queue("kept-1"), "Gone": queue("gone")})
    stack = aws.deploy("phases", {"Kept": queue("kept-2")}, update=True)
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert [status for status, _ in physical(aws, "phases", "phases")][2:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]
    assert physical(aws, "phases", "Gone")[2:] == [("DELETE_IN_PROGRESS", "gone"), ("DELETE_COMPLETE", "gone")]
    assert ("UPDATE_IN_PROGRESS", "kept-1") in physical(aws, "phases", "Kept")
    assert physical(aws, "phases", "Kept")[-2:] == [("DELETE_IN_PROGRESS", "kept-1"), ("DELETE_COMPLETE", "kept-1")]


def test_a_custom_resource_keeps_its_service_token(aws: LocalAws) -> None:
    tokens = [aws.answering(name) for name in ("first", "second")]
    for token, update, status in ((tokens[0], False, "CREATE_COMPLETE"), (tokens[1], True, "UPDATE_ROLLBACK_COMPLETE")):
        resource = {"Type": "Custom::Any", "Properties": {"ServiceToken": token, "ServiceTimeout": "20"}}
        assert aws.deploy("tokens", {"Any": resource}, update=update)["StackStatus"] == status
    assert "Modifying service token is not allowed." in aws.reasons("tokens")
