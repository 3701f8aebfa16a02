"""Terraform's build in the stack: there on demand, as an account of its own, once at a time, with nothing to leak."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from aws_cdk import Duration
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Match, Template
from keyless.config import Config
from syrupy.assertion import SnapshotAssertion

from keyless_cdk.layer import ROOT
from keyless_cdk.settings import Settings, SettingsError
from keyless_cdk.terraform_build import SESSION, TerraformBuild
from keyless_federation.model.rules import ROLE_AND_SESSION_BYTES
from stacks.app import BigQueryStack
from tests.infra.conftest import CONTEXT, THIS_MACHINE, MakeStack, cdk_app, masked

ROLES = ["roles/bigquery.user", "roles/storage.admin"]
TERRAFORM = {"terraform_roles": ROLES}
PROJECT, RULE = "AWS::CodeBuild::Project", "AWS::Events::Rule"
FOLDER = ROOT / "functions" / "terraform"


def stack(**settings: Any) -> Template:
    """The stack with these settings besides, for this machine's runtime."""
    given = Settings.from_context({**CONTEXT, **THIS_MACHINE, **settings})
    return Template.from_stack(BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=given))


@pytest.fixture(scope="module")
def deployed() -> Template:
    """The stack with Terraform."""
    return stack(**TERRAFORM)


def test_without_roles_there_is_no_terraform(template: Template) -> None:
    template.resource_count_is(PROJECT, 0)
    assert "aws-terraform-apply" not in json.dumps(template.to_json())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"terraform_roles": ["editor"]}, "an item of 'terraform_roles' is 'editor', but must be an IAM role"),
        ({"terraform_roles": "roles/storage.admin"}, "must be a list, each item an IAM role"),
        ({"terraform_start": "sometimes"}, "'terraform_start' is 'sometimes', but must be by-hand or on-deploy"),
    ],
)
def test_what_is_no_role_and_no_start_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Settings.from_context({**CONTEXT, **settings})


def test_its_account_has_the_given_roles_lets_nothing_else_in_and_cannot_sign(deployed: Template) -> None:
    for federation in deployed.find_resources("Custom::KeylessFederation").values():
        reader, builder = federation["Properties"]["ServiceAccounts"]
        assert builder["Name"] == "aws-terraform-apply"
        assert builder["AwsRoles"] == ["keyless-tf-dev-eu-west-1"]
        assert builder["Impersonation"] == ["roles/iam.workloadIdentityUser"]
        assert builder["Grants"] == [{"Role": role} for role in ROLES]
        assert builder["AwsRoles"][0] not in reader["AwsRoles"]
        assert "storage.googleapis.com" in federation["Properties"]["Apis"]


def test_the_longest_stage_and_region_leave_room_for_a_build_s_session_name() -> None:
    longest = stack(**TERRAFORM, stage="production"[:9], region="ap-southeast-1")
    (role,) = (
        properties["RoleName"]
        for properties in (one["Properties"] for one in longest.find_resources("AWS::IAM::Role").values())
        if properties.get("RoleName", "").startswith("keyless-tf-")
    )
    assert SESSION == 49
    assert len(role) + 1 + SESSION <= ROLE_AND_SESSION_BYTES


def test_one_build_runs_at_a_time_without_privileges_and_with_an_end(deployed: Template) -> None:
    deployed.has_resource_properties(
        PROJECT,
        {
            "ConcurrentBuildLimit": 1,
            "TimeoutInMinutes": 60,
            "Environment": Match.object_like({"PrivilegedMode": False}),
            "LogsConfig": {"CloudWatchLogs": Match.object_like({"Status": "ENABLED"})},
        },
    )
    logs = {"LogGroupName": "/aws/codebuild/keyless-terraform-dev", "RetentionInDays": 30}
    deployed.has_resource_properties("AWS::Logs::LogGroup", logs)


def test_the_state_is_versioned_encrypted_private_and_outlives_the_stack(deployed: Template) -> None:
    bucket = {
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": Match.object_like(
            {"VersioningConfiguration": {"Status": "Enabled"}, "BucketEncryption": Match.any_value()}
        ),
    }
    deployed.has_resource("AWS::S3::Bucket", bucket)
    rules = next(iter(deployed.find_resources("AWS::S3::Bucket").values()))["Properties"]["LifecycleConfiguration"]
    assert [rule for rule in rules["Rules"] if "ExpirationInDays" in rule and rule.get("Prefix") != "plans/"] == []


def test_the_layer_takes_the_environment_and_is_itself_what_the_build_runs(deployed: Template) -> None:
    (project,) = deployed.find_resources(PROJECT).values()
    given = variables(project)
    config = Config.require({**given, "AWS_REGION": "eu-west-1"})
    assert config.service_account == "aws-terraform-apply@my-project.iam.gserviceaccount.com"
    assert f"python{given['PYTHON_VERSION']}" == THIS_MACHINE["runtime"]
    (secondary,) = project["Properties"]["SecondarySources"]
    (layer, *_) = deployed.find_resources("AWS::Lambda::LayerVersion").values()
    assert secondary["SourceIdentifier"] == "keyless"
    assert secondary["Location"].endswith("/" + layer["Properties"]["Content"]["S3Key"])


def test_the_image_is_of_the_layer_s_architecture() -> None:
    images = {
        architecture: next(iter(stack(**TERRAFORM, architecture=architecture).find_resources(PROJECT).values()))
        for architecture in ("arm64", "x86_64")
    }
    assert {name: one["Properties"]["Environment"]["Type"] for name, one in images.items()} == {
        "arm64": "ARM_CONTAINER",
        "x86_64": "LINUX_CONTAINER",
    }


def test_every_variable_of_the_buildspec_is_given(deployed: Template) -> None:
    (project,) = deployed.find_resources(PROJECT).values()
    text = (FOLDER / "buildspec.yml").read_text()
    own = yaml.safe_load(text)["env"]["variables"]
    of_codebuild = {"CODEBUILD_SRC_DIR": "", "CODEBUILD_SRC_DIR_keyless": "", "AWS_REGION": "", "PATH": ""}
    named = set(dollars(text))
    assert named - set(own) - set(variables(project)) - set(of_codebuild) == set()
    assert {"STATE_BUCKET", "STATE_KEY", "PYTHON_VERSION"} <= named


def test_another_google_is_told_to_the_provider_too() -> None:
    (project,) = (
        stack(**TERRAFORM, google_endpoint="https://{service}-mine.p.googleapis.com").find_resources(PROJECT).values()
    )
    given = variables(project)
    assert given["GOOGLE_BIG_QUERY_CUSTOM_ENDPOINT"] == "https://bigquery-mine.p.googleapis.com/bigquery/v2/"
    assert given["GOOGLE_STORAGE_CUSTOM_ENDPOINT"] == "https://storage-mine.p.googleapis.com/storage/v1/"


def test_a_build_follows_a_deployment_only_when_asked_to(deployed: Template) -> None:
    assert [rule for rule in deployed.find_resources(RULE) if rule.startswith("Terraform")] == []
    started = stack(**TERRAFORM, terraform_start="on-deploy")
    (rule,) = (one for name, one in started.find_resources(RULE).items() if name.startswith("Terraform"))
    detail = rule["Properties"]["EventPattern"]["detail"]
    assert detail["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert detail["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    (target,) = rule["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [next(iter(started.find_resources(PROJECT))), "Arn"]}
    (name, queue), *_ = started.find_resources("AWS::SQS::Queue").items()
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [name, "Arn"]}}
    assert queue["Properties"]["QueueName"] == "keyless-terraform-dev-failed-starts"
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_a_state_bucket_and_a_source_of_one_s_own_are_taken(make_federation: MakeStack) -> None:
    made, federation = make_federation()
    account = federation.add_service_account("aws-terraform-apply", token_creator=False)
    bucket = s3.Bucket.from_bucket_name(made, "Mine", "my-state")
    TerraformBuild(made, "T", account=account, stage="dev", timeout=Duration.hours(8), state_bucket=bucket)
    template = Template.from_stack(made)
    template.resource_count_is("AWS::S3::Bucket", 0)
    template.has_resource_properties(PROJECT, {"TimeoutInMinutes": 480})
    (project,) = template.find_resources(PROJECT).values()
    assert variables(project)["STATE_BUCKET"] == "my-state"


def test_the_template_changes_only_on_purpose(snapshot: SnapshotAssertion) -> None:
    resources = stack(**TERRAFORM, terraform_start="on-deploy").to_json()["Resources"]
    assert masked({name: one for name, one in resources.items() if name.startswith("Terraform")}) == snapshot


def variables(project: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a project."""
    return {one["Name"]: one["Value"] for one in project["Properties"]["Environment"]["EnvironmentVariables"]}


def dollars(text: str) -> list[str]:
    """The names after each dollar sign."""
    return re.findall(r"\$\{?([A-Za-z_]+)", text)
