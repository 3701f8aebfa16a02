"""CloudFormation on the local AWS: aliases, custom resources and declared types behave as on AWS."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.local.aws_lab import ACCOUNT, PYTHON, REGION, LocalAws, archive, local_aws

SERVED = """
import os, time, boto3
print("environment", os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"])
boto3.client("sts").get_caller_identity()  # an init that calls the local AWS must not wait for its deploy
if os.environ["STAMP"] == "broken":
    raise RuntimeError("told to fail")
def handler(event, context):
    if "until" in event:
        with open(event["until"] + ".pid", "w") as file:
            file.write(str(os.getpid()))
    while "until" in event and not os.path.exists(event["until"]):
        time.sleep(0.01)
    return {"stamp": os.environ["STAMP"], "init": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""
PROVIDER = """
import json, time, urllib.request
def handler(event, context):
    kind, properties = event["RequestType"], event["ResourceProperties"]
    print("EVENT", json.dumps({"kind": kind, "id": event.get("PhysicalResourceId"), "size": properties["Size"],
                               "old": event.get("OldResourceProperties", {}).get("Size")}))
    if properties.get("Crash") == kind:
        raise RuntimeError("told to crash")
    answer = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "FAILED" if properties.get("Fail") == kind else "SUCCESS", "Reason": "told to fail",
               "PhysicalResourceId": "id-" + properties["Name"], "Data": {"Twice": properties["Name"] * 2}}
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], json.dumps(answer).encode(), method="PUT"))
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_aws(tmp_path_factory.mktemp("aws")) as running:
        role = running.create_role("stack-role")
        running.client("lambda").create_function(
            FunctionName="provider",
            Runtime=PYTHON,
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": archive({"index.py": PROVIDER})},
        )
        yield running


def served(name: str, stamp: str, *versions: str, environments: int = 1) -> dict[str, Any]:
    """A function with one version for each stamp it ever had, and its alias at the last one."""
    return {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": name,
                "Runtime": PYTHON,
                "Handler": "index.handler",
                "Role": f"arn:aws:iam::{ACCOUNT}:role/stack-role",
                "Code": {"ZipFile": SERVED},
                "Environment": {"Variables": {"STAMP": stamp}},
                "Timeout": 20,
            },
        },
        **{
            f"Version{number}": {
                "Type": "AWS::Lambda::Version",
                "DeletionPolicy": "Retain",
                "Properties": {"FunctionName": {"Ref": "Function"}, "Description": number},
            }
            for number in versions
        },
        "Alias": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "FunctionVersion": {"Fn::GetAtt": [f"Version{versions[-1]}", "Version"]},
                "Name": "live",
                "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": environments},
            },
        },
    }


def test_an_alias_serves_from_environments_initialised_by_its_deploy(aws: LocalAws) -> None:
    stack = aws.deploy("eager", served("eager", "one", "1", environments=2))
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert aws.log("/aws/lambda/eager").count("environment provisioned-concurrency") == 2
    assert aws.invoke("eager:live") == {"stamp": "one", "init": "provisioned-concurrency"}


def test_an_update_moves_the_alias_to_environments_of_the_new_version(aws: LocalAws) -> None:
    aws.deploy("moved", served("moved", "one", "1"))
    assert aws.deploy("moved", served("moved", "two", "1", "2"), update=True)["StackStatus"] == "UPDATE_COMPLETE"
    assert aws.invoke("moved:live") == {"stamp": "two", "init": "provisioned-concurrency"}
    # What served the old version is gone: whoever asks for it now starts cold.
    assert aws.invoke("moved:1")["init"] == "on-demand"


def test_an_invocation_that_is_running_when_its_version_is_left_finishes(aws: LocalAws, tmp_path: Path) -> None:
    aws.deploy("busy", served("busy", "one", "1"))
    go, pid = tmp_path / "go", tmp_path / "go.pid"
    with ThreadPoolExecutor() as callers:
        answer = callers.submit(aws.invoke, "busy:live", {"until": str(go)})
        until(lambda: pid.exists() and pid.read_text())
        assert aws.deploy("busy", served("busy", "two", "1", "2"), update=True)["StackStatus"] == "UPDATE_COMPLETE"
        assert aws.invoke("busy:live")["stamp"] == "two"
        go.touch()
    assert answer.result() == {"stamp": "one", "init": "provisioned-concurrency"}
    until(lambda: not Path(f"/proc/{pid.read_text()}").exists())


def test_a_failing_init_leaves_the_alias_where_it_was(aws: LocalAws) -> None:
    aws.deploy("steady", served("steady", "one", "1"))
    stack = aws.deploy("steady", served("steady", "broken", "1", "2"), update=True)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "FUNCTION_ERROR_INIT_FAILURE (steady:2: RuntimeError: told to fail)" in aws.reasons("steady")
    assert aws.client("lambda").get_alias(FunctionName="steady", Name="live")["FunctionVersion"] == "1"
    assert aws.invoke("steady:live") == {"stamp": "one", "init": "provisioned-concurrency"}


def test_a_failing_first_init_leaves_no_alias_in_the_way_of_the_next_deploy(aws: LocalAws) -> None:
    assert aws.deploy("late", served("late", "broken", "1"))["StackStatus"] == "ROLLBACK_COMPLETE"
    delete(aws, "late")
    assert aws.deploy("late", served("late", "one", "1"))["StackStatus"] == "CREATE_COMPLETE"
    assert aws.invoke("late:live")["stamp"] == "one"


def until(condition: Callable[[], object]) -> None:
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to be")


def custom(name: str, **properties: str) -> dict[str, Any]:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:provider"
    return {
        "Thing": {
            "Type": "Custom::Thing",
            "Properties": {"ServiceToken": arn, "ServiceTimeout": 600, "Name": name, "Size": 1, **properties},
        },
        "Outputs": {"Twice": {"Value": {"Fn::GetAtt": ["Thing", "Twice"]}}, "Id": {"Value": {"Ref": "Thing"}}},
    }


def delete(aws: LocalAws, stack: str) -> None:
    identifier = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    aws.client("cloudformation").delete_stack(StackName=stack)
    assert aws.settled(identifier)["StackStatus"] == "DELETE_COMPLETE"


@pytest.fixture
def events(aws: LocalAws) -> Any:
    """The requests that reached the provider since the test began: (type, physical id, size, old size)."""
    before = len(aws.log("/aws/lambda/provider")) if "provider" in str(groups(aws)) else 0

    def since() -> list[tuple[Any, ...]]:
        lines = [line for line in aws.log("/aws/lambda/provider")[before:] if line.startswith("EVENT")]
        return [tuple(json.loads(line.removeprefix("EVENT")).values()) for line in lines]

    return since


def groups(aws: LocalAws) -> list[str]:
    return [group["logGroupName"] for group in aws.client("logs").describe_log_groups()["logGroups"]]


def test_a_custom_resource_is_created_updated_replaced_and_deleted(aws: LocalAws, events: Any) -> None:
    stack = aws.deploy("thing", custom("a"))
    assert {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]} == {"Twice": "aa", "Id": "id-a"}
    aws.deploy("thing", custom("a", Size="2"), update=True)
    stack = aws.deploy("thing", custom("b", Size="2"), update=True)
    assert {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]} == {"Twice": "bb", "Id": "id-b"}
    delete(aws, "thing")
    assert events() == [
        ("Create", None, "1", None),
        ("Update", "id-a", "2", "1"),
        ("Update", "id-a", "2", "2"),
        ("Delete", "id-a", "2", None),
        ("Delete", "id-b", "2", None),
    ]


def test_a_failing_update_is_rolled_back_with_its_properties_reversed(aws: LocalAws, events: Any) -> None:
    aws.deploy("undone", custom("u"))
    stack = aws.deploy("undone", custom("u", Size="2", Fail="Update"), update=True)
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert events()[1:] == [("Update", "id-u", "2", "1"), ("Update", "id-u", "1", "2")]


def test_a_failed_create_is_followed_by_a_delete_of_the_id_it_answered(aws: LocalAws, events: Any) -> None:
    assert aws.deploy("failed", custom("f", Fail="Create"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert events() == [("Create", None, "1", None), ("Delete", "id-f", "1", None)]


def test_a_crashed_provider_fails_its_resource_at_once(aws: LocalAws, events: Any) -> None:
    # It would be in progress for longer than is waited for, if it waited for the ServiceTimeout.
    assert aws.deploy("crashed", custom("c", Crash="Create"))["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "provider failed: RuntimeError: told to crash" in aws.reasons("crashed")
    kind, invented, *_ = events()[1]
    assert kind == "Delete"
    assert invented.startswith("crashed-Thing-")


def scaling(resource: str, capacity: int) -> dict[str, Any]:
    return {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "MaxCapacity": capacity,
                "MinCapacity": 1,
                "ResourceId": resource,
                "ScalableDimension": "lambda:function:ProvisionedConcurrency",
                "ServiceNamespace": "lambda",
            },
        },
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {
                "PolicyName": "half",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": {"Ref": "Target"},
            },
        },
        "Outputs": {
            name: {"Value": value}
            for name, value in {
                "Target": {"Ref": "Target"},
                "TargetId": {"Fn::GetAtt": ["Target", "Id"]},
                "Policy": {"Ref": "Policy"},
                "PolicyArn": {"Fn::GetAtt": ["Policy", "Arn"]},
            }.items()
        },
    }


def test_declared_types_answer_ref_and_getatt_through_updates(aws: LocalAws) -> None:
    created = outputs(aws.deploy("scaled", scaling("function:eager:live", 3)))
    target = "function:eager:live|lambda:function:ProvisionedConcurrency|lambda"
    assert (created["Target"], created["TargetId"]) == (target, target)
    assert created["Policy"] == created["PolicyArn"]
    assert created["Policy"].startswith(f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:scalingPolicy:")
    assert created["Policy"].endswith(":resource/lambda/function:eager:live:policyName/half")
    assert outputs(aws.deploy("scaled", scaling("function:eager:live", 4), update=True)) == created
    replaced = outputs(aws.deploy("scaled", scaling("function:moved:live", 4), update=True))
    assert replaced["Target"].startswith("function:moved:live|")
    assert replaced["Policy"] != created["Policy"]
    delete(aws, "scaled")


def test_a_declared_type_still_demands_its_properties(aws: LocalAws) -> None:
    resources = scaling("function:eager:live", 3)
    del resources["Target"]["Properties"]["ResourceId"]
    assert aws.deploy("careless", resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "required properties are missing: ResourceId" in aws.reasons("careless")


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_plain_http_on_loopback_satisfies_a_policy_that_demands_tls(aws: LocalAws) -> None:
    """As CDK's bootstrap bucket does, whose readers and writers are roles: root is refused nothing."""
    aws.client("s3").create_bucket(Bucket="staging", CreateBucketConfiguration={"LocationConstraint": REGION})
    everything = {"Action": "s3:*", "Resource": ["arn:aws:s3:::staging", "arn:aws:s3:::staging/*"]}
    insecure = {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    aws.client("s3").put_bucket_policy(Bucket="staging", Policy=policy({"Effect": "Deny", **insecure, **everything}))
    aws.create_role("publisher")
    allowed = policy({"Effect": "Allow", **everything})
    aws.client("iam").put_role_policy(RoleName="publisher", PolicyName="publish", PolicyDocument=allowed)
    publisher = aws.client("s3", **aws.assume("publisher", "cdk"))
    publisher.put_object(Bucket="staging", Key="asset", Body=b"content")
    assert publisher.get_object(Bucket="staging", Key="asset")["Body"].read() == b"content"


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
