"""The field's own checks over every stack of the app: cdk-nag, cfn-lint, and least IAM on AWS's side.

They run here and not in app.py: whoever deploys should not wait for them, and a template is the same everywhere.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.layer import ROOT
from keyless_cdk.settings import Settings
from stacks.app import compose
from tests.infra.conftest import CONTEXT, cdk_app

PATHS = ("terraform.tfstate", "terraform.tfstate.tflock", "plans/*")
STATE, LOCK, PLANS = (f"AWS::S3::Bucket/{path}" for path in PATHS)
ASSET = "an asset"
ASSETS = re.compile(r"arn:aws:s3:::cdk-\w+-assets-\d+-[\w-]+/[0-9a-f]{64}\.zip")

# All that a role may do, each on a resource of its own stack of this type: write its log; where there are queues, take
# messages and put failures; and what is behind the custom resource may read the stack that it serves. A build fetches
# its sources and keeps Terraform's state, and EventBridge starts it.
GRANTED: dict[str, str | list[str]] = {
    "cloudformation:DescribeStackEvents": "AWS::CloudFormation::Stack",
    "cloudformation:DescribeStacks": "AWS::CloudFormation::Stack",
    "cloudformation:ListStackResources": "AWS::CloudFormation::Stack",
    "codebuild:StartBuild": "AWS::CodeBuild::Project",
    "logs:CreateLogStream": "AWS::Logs::LogGroup",
    "logs:PutLogEvents": "AWS::Logs::LogGroup",
    "s3:DeleteObject": LOCK,
    "s3:GetBucketAcl": "AWS::S3::Bucket",
    "s3:GetBucketLocation": "AWS::S3::Bucket",
    "s3:GetObject": [ASSET, STATE, LOCK, PLANS],
    "s3:GetObjectVersion": ASSET,
    "s3:ListBucket": "AWS::S3::Bucket",
    "s3:PutObject": [STATE, LOCK, PLANS],
    "sqs:ChangeMessageVisibility": "AWS::SQS::Queue",
    "sqs:DeleteMessage": "AWS::SQS::Queue",
    "sqs:GetQueueAttributes": "AWS::SQS::Queue",
    "sqs:GetQueueUrl": "AWS::SQS::Queue",
    "sqs:ReceiveMessage": "AWS::SQS::Queue",
    "sqs:SendMessage": "AWS::SQS::Queue",
}
SERVICES = ("lambda.amazonaws.com", "codebuild.amazonaws.com", "events.amazonaws.com")
# CDK orders a function after its role by DependsOn as well as by reference: harmless, and not ours to leave out.
CFN_LINT = (ROOT / ".venv" / "bin" / "cfn-lint", "--format", "json", "--ignore-checks", "W3005", "--regions")

# Settings that bring in what is left out by default.
EVERYTHING = {
    "attach": ["their-role/their-function"],
    "business_hours": "MON-FRI 8-18 Europe/Dublin",
    "business_hours_concurrency": 3,
    "events_dataset": "sales",
    "provisioned_concurrency_max": 5,
    "terraform_roles": ["roles/bigquery.user", "roles/storage.admin"],
    "terraform_start": "on-deploy",
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Assembly:
    """What an app was synthesized to, with cdk-nag's report and everything that was acknowledged."""

    folder: Path
    report: Json
    acknowledged: dict[tuple[str, str], str]

    @property
    def templates(self) -> dict[Path, Json]:
        """Each stack's template, nested ones included."""
        return {path: json.loads(path.read_text()) for path in sorted(self.folder.glob("**/*.template.json"))}

    @property
    def findings(self) -> set[tuple[str, str]]:
        """Construct and rule of each finding, warnings too, that nobody acknowledged."""
        found = [violation for plugin in self.report["pluginReports"] for violation in plugin["violations"]]
        return {(place["constructPath"], one["ruleName"]) for one in found for place in one["violatingConstructs"]}

    @property
    def used(self) -> set[tuple[str, str]]:
        """Where and what was acknowledged and does occur."""
        found = [one for plugin in self.report["pluginReports"] for one in plugin.get("suppressedViolations", [])]
        return {(one["acknowledgedAt"], one["acknowledgedId"]) for one in found}


def checked(app: cdk.App) -> Assembly:
    """Synthesize `app` under cdk-nag's rules. A finding that is an error fails synth; the report has them all."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app), ServerlessChecks(app))
    with suppress(RuntimeError):
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    assert {plugin["pluginName"] for plugin in report["pluginReports"]} >= {"AwsSolutions", "Serverless"}
    return Assembly(Path(app.outdir), report, dict(acknowledgements(app)))


def acknowledgements(app: cdk.App) -> Iterator[tuple[tuple[str, str], str]]:
    """Construct, rule and reason of everything that is acknowledged in `app`."""
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY:
                yield from (((construct.node.path, rule), reason) for rule, reason in entry.data.items())


@pytest.fixture(scope="module")
def assembly() -> Assembly:
    """Every stack of app.py, as it is deployed for real."""
    app = cdk_app()
    compose(app, Settings.from_context({**CONTEXT, **EVERYTHING}))
    return checked(app)


@pytest.fixture
def bad() -> Assembly:
    """A stack with one of everything that must be reported: the checks can fail."""
    app = cdk_app()
    stack = cdk.Stack(app, "Bad", env=cdk.Environment(account=CONTEXT["account"], region=CONTEXT["region"]))
    role = iam.Role(
        stack,
        "Role",
        assumed_by=iam.AnyPrincipal(),
        managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("AdministratorAccess")],
        inline_policies={"Inline": policy("s3:GetObject", "arn:aws:s3:::bucket/*")},
    )
    group = logs.LogGroup(stack, "Group")
    role.add_to_policy(iam.PolicyStatement(actions=["logs:*"], resources=[group.log_group_arn]))
    role.add_to_policy(iam.PolicyStatement(actions=["logs:PutLogEvents"], resources=["*"]))
    code = lambda_.CfnFunction.CodeProperty(zip_file="def handler(event, context): ...")
    function = lambda_.CfnFunction(
        stack, "Function", code=code, role=role.role_arn, runtime="python3.8", handler="index.handler", memory_size=64
    )
    acknowledge(function, {"Serverless-LambdaTracing": "because", "AwsSolutions-S1": "there is no bucket"})
    lambda_.CfnPermission(stack, "Anybody", action="lambda:InvokeFunction", function_name="f", principal="*")
    return checked(app)


def test_cdk_nag_finds_nothing_that_is_not_acknowledged_beside_its_construct(assembly: Assembly) -> None:
    assert assembly.findings == set()


def test_every_acknowledgement_gives_a_reason_and_is_still_needed(assembly: Assembly) -> None:
    assert {where: why for where, why in assembly.acknowledged.items() if len(why.split()) < 5} == {}
    assert set(assembly.acknowledged) - assembly.used == set()


def test_cfn_lint_finds_nothing(assembly: Assembly) -> None:
    assert cfn_lint(assembly) == set()


def test_a_role_may_do_what_its_function_needs_on_what_is_its_own_and_nothing_else(assembly: Assembly) -> None:
    assert list(excessive(assembly)) == []
    assert {kind for template in assembly.templates.values() for kind in granted(template)} == set(GRANTED)


def test_only_the_function_s_own_service_may_take_a_role(assembly: Assembly) -> None:
    assert list(open_doors(assembly)) == []


def test_cdk_nag_can_find_something_and_tells_acknowledgements_that_nobody_needs(bad: Assembly) -> None:
    rules = {rule for _, rule in bad.findings}
    assert {"AwsSolutions-L1", "Serverless-LambdaDLQ"} <= rules
    assert {rule.partition("[")[0] for rule in rules} >= {"AwsSolutions-IAM4", "AwsSolutions-IAM5"}
    assert "Serverless-LambdaTracing" not in rules
    assert set(bad.acknowledged) - bad.used == {("Bad/Function", "AwsSolutions::AwsSolutions-S1")}


def test_cfn_lint_can_find_something(bad: Assembly) -> None:
    assert {"W2531", "E3034"} <= cfn_lint(bad)  # a runtime that has ended; less memory than there is


def test_a_right_too_many_is_told(bad: Assembly) -> None:
    assert sorted(excessive(bad)) == [
        ("Role", "managed policies"),
        ("Role", "s3:GetObject"),
        ("RoleDefaultPolicy", "logs:*"),
        ("RoleDefaultPolicy", "logs:PutLogEvents"),
    ]
    assert sorted(open_doors(bad)) == ["Anybody", "Role"]


def cfn_lint(assembly: Assembly) -> set[str]:
    """The rules that are broken."""
    command = [*CFN_LINT, CONTEXT["region"], "--", *map(str, assembly.templates)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return {finding["Rule"]["Id"] for finding in json.loads(result.stdout)}


def excessive(assembly: Assembly) -> Iterator[tuple[str, str]]:
    """Name and action of each right that is not in `GRANTED` or is on something else than a resource of the stack."""
    for template in assembly.templates.values():
        for name, statement in statements(template):
            if "ManagedPolicyArns" in statement:
                yield name, "managed policies"
            for action in listed(statement.get("Action", [])):
                right = listed(GRANTED.get(action, ""))
                if not all(kind(template, on) in right for on in listed(statement["Resource"])):
                    yield name, action


def granted(template: Json) -> set[str]:
    """Every action that some role of the template may do."""
    return {action for _, statement in statements(template) for action in listed(statement.get("Action", []))}


def statements(template: Json) -> Iterator[tuple[str, Json]]:
    """What each role is allowed, from policies of its own, shared or inline, under the resource's name."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            documents = [
                properties.get("PolicyDocument"),
                *(p["PolicyDocument"] for p in properties.get("Policies", [])),
            ]
            short = re.sub(r"[0-9A-F]{8}$", "", name)
            if "ManagedPolicyArns" in properties:
                yield short, {"ManagedPolicyArns": properties["ManagedPolicyArns"]}
            for document in filter(None, documents):
                yield from ((short, one) for one in document["Statement"] if one["Effect"] == "Allow")


def open_doors(assembly: Assembly) -> Iterator[str]:
    """Roles that something else than one service may take, and functions that anybody may invoke."""
    for template in assembly.templates.values():
        for name, resource in template["Resources"].items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::IAM::Role":
                trust = properties["AssumeRolePolicyDocument"]["Statement"]
                if [one["Principal"] for one in trust] not in [[{"Service": service}] for service in SERVICES]:
                    yield re.sub(r"[0-9A-F]{8}$", "", name)
            if resource["Type"] == "AWS::Lambda::Permission" and "SourceArn" not in properties:
                yield name


def kind(template: Json, resource: Any) -> str | None:
    """The type of the stack's resource whose ARN `resource` is, or of the stack itself; None for anything else.

    Of what lies in a bucket, the bucket's type and the path.
    """
    if resource == {"Ref": "AWS::StackId"}:
        return "AWS::CloudFormation::Stack"
    if isinstance(resource, str) and ASSETS.fullmatch(resource):
        return ASSET
    match resource:
        case {"Fn::Join": ["", [bucket, str(path)]]} if path.startswith("/"):
            return f"{kind(template, bucket)}{path}"
    if not isinstance(resource, dict) or list(resource) != ["Fn::GetAtt"] or resource["Fn::GetAtt"][1] != "Arn":
        return None
    return str(template["Resources"][resource["Fn::GetAtt"][0]]["Type"])


def listed(value: Any) -> list[Any]:
    """IAM and CloudFormation write one where they may write a list of one."""
    return value if isinstance(value, list) else [value]


def policy(action: str, resource: str) -> iam.PolicyDocument:
    """A document that allows one thing."""
    return iam.PolicyDocument(statements=[iam.PolicyStatement(actions=[action], resources=[resource])])
