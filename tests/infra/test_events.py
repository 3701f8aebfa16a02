"""The events example in the stack: deployed on demand, with one account of its own and nothing that can be lost."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template
from keyless.config import Config
from syrupy.assertion import SnapshotAssertion

from functions.bigquery_events.events import FIELDS
from keyless_cdk.layer import ROOT
from keyless_cdk.settings import Settings, SettingsError
from stacks.app import BigQueryStack
from tests.infra.conftest import CONTEXT, ON_LAMBDA, THIS_MACHINE, cdk_app, masked

EVENTS = {"events_dataset": "shop_events"}


@pytest.fixture(scope="module")
def deployed() -> Template:
    """The stack with events, for this machine's runtime."""
    settings = Settings.from_context({**CONTEXT, **THIS_MACHINE, **EVENTS})
    return Template.from_stack(BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings))


def test_without_a_dataset_there_are_no_events(template: Template) -> None:
    assert not [name for name in template.to_json()["Resources"] if name.startswith("Events")]
    assert "aws-bq-writer" not in json.dumps(template.to_json())


def test_what_is_no_dataset_is_refused() -> None:
    with pytest.raises(SettingsError, match="'events_dataset' is 'my-dataset', but must be a dataset's ID"):
        Settings.from_context({**CONTEXT, "events_dataset": "my-dataset"})


def test_the_writer_has_its_dataset_and_neither_queries_nor_signs(deployed: Template) -> None:
    for federation in deployed.find_resources("Custom::KeylessFederation").values():
        writer = federation["Properties"]["ServiceAccounts"][1]
        assert writer["Name"] == "aws-bq-writer"
        assert writer["AwsRoles"] == ["keyless-bigquery-events-dev-eu-west-1"]
        assert writer["Impersonation"] == ["roles/iam.workloadIdentityUser"]
        grant = {"Role": "roles/bigquery.dataEditor", "Project": "my-project", "Dataset": "shop_events"}
        assert writer["Grants"] == [grant]


def test_the_function_is_told_its_table_and_the_layer_takes_its_environment(deployed: Template) -> None:
    (function,) = named(deployed, "AWS::Lambda::Function", "FunctionName", "keyless-bigquery-events-dev")
    given = function["Environment"]["Variables"]
    config = Config.from_env({**given, **ON_LAMBDA})
    assert config is not None
    assert config.service_account == "aws-bq-writer@my-project.iam.gserviceaccount.com"
    assert given["EVENTS_TABLE"] == "my-project.shop_events.events"
    assert given["KEYLESS_APIS"] == "bigquery"


def test_a_batch_is_answered_message_by_message_and_load_is_bounded(deployed: Template) -> None:
    mapping = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "ScalingConfig": {"MaximumConcurrency": 10}}
    deployed.has_resource_properties("AWS::Lambda::EventSourceMapping", mapping)


def test_what_fails_is_kept_for_two_weeks(deployed: Template) -> None:
    names = ("keyless-events-dev", "keyless-events-dev-dead-letters", "keyless-events-dev-failed")
    queue, dead, failed = (named(deployed, "AWS::SQS::Queue", "QueueName", name)[0] for name in names)
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == arn_of(deployed, "keyless-events-dev-dead-letters")
    assert [kept["MessageRetentionPeriod"] for kept in (dead, failed)] == [14 * 24 * 3600] * 2
    destination = {"Destination": arn_of(deployed, "keyless-events-dev-failed")}
    deployed.has_resource_properties(
        "AWS::Lambda::EventInvokeConfig",
        {"DestinationConfig": {"OnFailure": destination}, "MaximumRetryAttempts": 2, "Qualifier": "$LATEST"},
    )
    (rule,) = named(deployed, "AWS::Events::Rule", "Name", "keyless-events-dev")
    (target,) = rule["Targets"]
    assert target["DeadLetterConfig"] == {"Arn": arn_of(deployed, "keyless-events-dev-failed")}


def test_a_batch_stays_invisible_for_six_times_what_the_function_may_take(deployed: Template) -> None:
    (function,) = named(deployed, "AWS::Lambda::Function", "FunctionName", "keyless-bigquery-events-dev")
    (queue,) = named(deployed, "AWS::SQS::Queue", "QueueName", "keyless-events-dev")
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]


def test_every_queue_is_encrypted_and_takes_nothing_in_the_clear(deployed: Template) -> None:
    for queue in deployed.find_resources("AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
    denied = {"Effect": "Deny", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    statement = Match.array_with([Match.object_like(denied)])
    deployed.resource_properties_count_is(
        "AWS::SQS::QueuePolicy", {"PolicyDocument": Match.object_like({"Statement": statement})}, 3
    )


def test_the_url_takes_signed_requests_only_and_is_granted_to_nobody(deployed: Template) -> None:
    deployed.has_resource_properties("AWS::Lambda::Url", {"AuthType": "AWS_IAM"})
    (url,) = deployed.find_outputs("*", {"Value": Match.object_like({"Fn::GetAtt": Match.any_value()})}).values()
    assert "lambda:InvokeFunctionUrl and lambda:InvokeFunction" in url["Description"]
    permissions = deployed.find_resources("AWS::Lambda::Permission").items()
    assert [p["Properties"]["Principal"] for name, p in permissions if name.startswith("Events")] == [
        "events.amazonaws.com"
    ]


def test_the_bus_lets_pass_what_is_from_this_stage(deployed: Template) -> None:
    deployed.has_resource_properties("AWS::Events::Rule", {"EventPattern": {"source": ["keyless.dev"]}})


def test_the_table_has_a_column_for_every_field_and_no_other() -> None:
    schema = json.loads((ROOT / "functions" / "bigquery_events" / "schema.json").read_text())
    assert {column["name"] for column in schema} == FIELDS


def test_the_template_with_events_changes_only_on_purpose(deployed: Template, snapshot: SnapshotAssertion) -> None:
    resources = {
        name: resource
        for name, resource in masked(deployed.to_json())["Resources"].items()
        if name.startswith("Events") or resource["Type"] == "Custom::KeylessFederation"
    }
    assert resources == snapshot


def named(template: Template, kind: str, field: str, name: str) -> list[Any]:
    """The properties of every resource of this type with this name."""
    found = [resource["Properties"] for resource in template.find_resources(kind).values()]
    return [properties for properties in found if properties.get(field) == name]


def arn_of(template: Template, queue: str) -> dict[str, Any]:
    """As the template refers to a queue's ARN."""
    queues = template.find_resources("AWS::SQS::Queue")
    (name,) = (name for name, found in queues.items() if found["Properties"]["QueueName"] == queue)
    return {"Fn::GetAtt": [name, "Arn"]}
