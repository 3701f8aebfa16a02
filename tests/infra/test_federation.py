"""The construct that people attach functions with: what it writes, and what it refuses."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Match, Template

from keyless_cdk.federation import GcpFederation
from keyless_cdk.federation_handler import Deployer
from keyless_cdk.grants import DatasetGrant, ProjectGrant
from keyless_cdk.identity import AttachError
from keyless_cdk.layer import ARCHITECTURES, KeylessLayer
from keyless_federation.model.federation import RESOURCE_TYPE
from keyless_federation.model.names import InvalidNameError
from tests.infra.conftest import CONTEXT, THIS_MACHINE, MakeFunction, MakeStack, cdk_app


def federation_of(stack: cdk.Stack, phase: str = "open") -> dict[str, Any]:
    """The properties of the federation's custom resource in a synthesized stack."""
    found = Template.from_stack(stack).find_resources(RESOURCE_TYPE, {"Properties": {"Phase": phase}})
    (resource,) = found.values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_the_condition_names_exactly_the_attached_roles(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    account.attach_to(make_function(stack, "reader"))
    account.grant_impersonation(iam.Role.from_role_name(stack, "Build", "build-role"), session_name_bytes=49)
    assert federation_of(stack)["Provider"]["Condition"] == (
        "assertion.account == '111122223333' && assertion.arn.startsWith('arn:aws:sts::111122223333:assumed-role/')"
        " && attribute.aws_role in ['build-role', 'reader-role']"
    )


def test_a_function_attached_after_the_federation_was_made_is_let_in(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    account.attach_to(make_function(stack, "first"))
    account.attach_to(make_function(stack, "second"))
    assert federation_of(stack)["ServiceAccounts"][0]["AwsRoles"] == ["first-role", "second-role"]


def test_attaching_gives_layer_environment_and_waits_for_the_trust(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation(google_endpoint="http://127.0.0.1:1/{service}")
    account = federation.add_service_account("aws-bq-reader", grants=[ProjectGrant("roles/bigquery.jobUser")])
    function = make_function(stack, "reader")
    account.attach_to(function)
    account.attach_to(function)
    resource = Template.from_stack(stack).find_resources(
        "AWS::Lambda::Function", {"Properties": {"FunctionName": "reader"}}
    )
    ((_, reader),) = resource.items()
    assert len(reader["Properties"]["Layers"]) == 1
    assert reader["Properties"]["Environment"]["Variables"] == {
        "KEYLESS_AUDIENCE": federation.audience,
        "KEYLESS_SERVICE_ACCOUNT": "aws-bq-reader@my-project.iam.gserviceaccount.com",
        "KEYLESS_APIS": "bigquery",
        "KEYLESS_GOOGLE_ENDPOINT": "http://127.0.0.1:1/{service}",
        "KEYLESS_DEADLINE": "2",  # Lambda's default timeout is 3 s
        "GOOGLE_CLOUD_PROJECT": "my-project",
    }
    (opened,) = Template.from_stack(stack).find_resources(RESOURCE_TYPE, {"Properties": {"Phase": "open"}})
    assert opened in reader["DependsOn"]


@pytest.mark.parametrize(("timeout", "deadline"), [(1, "1"), (6, "5"), (7, None)])
def test_the_layer_gives_up_before_the_function_is_ended(
    timeout: int, deadline: str | None, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    federation.add_service_account("aws-bq-reader").attach_to(
        make_function(stack, timeout=cdk.Duration.seconds(timeout))
    )
    (reader,) = (
        Template.from_stack(stack)
        .find_resources("AWS::Lambda::Function", {"Properties": {"FunctionName": "reader"}})
        .values()
    )
    assert reader["Properties"]["Environment"]["Variables"].get("KEYLESS_DEADLINE") == deadline


def test_trust_is_narrowed_after_functions_and_aliases_have_moved(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    function = make_function(stack, "reader")
    federation.add_service_account("aws-bq-reader").attach_to(function)
    lambda_.Alias(stack, "ByTheUser", alias_name="live", version=function.current_version)
    template = Template.from_stack(stack)
    (settle,) = template.find_resources(RESOURCE_TYPE, {"Properties": {"Phase": "settle"}}).values()
    (alias,) = template.find_resources("AWS::Lambda::Alias")
    (reader,) = template.find_resources("AWS::Lambda::Function", {"Properties": {"FunctionName": "reader"}})
    assert {alias, reader} <= set(settle["DependsOn"])


def test_both_impersonation_roles_are_bound_and_signing_can_be_left_out(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    federation.add_service_account("aws-gcs-signer").attach_to(make_function(stack, "signer"))
    federation.add_service_account("aws-bq-reader", token_creator=False).attach_to(make_function(stack, "reader"))
    signer, reader = federation_of(stack)["ServiceAccounts"]
    assert signer["Impersonation"] == ["roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator"]
    assert reader["Impersonation"] == ["roles/iam.workloadIdentityUser"]


def test_grants_name_project_or_dataset_and_enable_their_api(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation(apis=["aiplatform"])
    grants = [
        ProjectGrant("roles/bigquery.jobUser"),
        DatasetGrant("roles/bigquery.dataViewer", "sales"),
        DatasetGrant("roles/bigquery.dataViewer", "prices", project="another"),
    ]
    federation.add_service_account("aws-bq-reader", grants=grants).attach_to(make_function(stack))
    properties = federation_of(stack)
    assert properties["ServiceAccounts"][0]["Grants"] == [
        {"Role": "roles/bigquery.jobUser"},
        {"Role": "roles/bigquery.dataViewer", "Project": "my-project", "Dataset": "sales"},
        {"Role": "roles/bigquery.dataViewer", "Project": "another", "Dataset": "prices"},
    ]
    assert {"bigquery.googleapis.com", "aiplatform.googleapis.com", "sts.googleapis.com"} <= set(properties["Apis"])


def test_generated_names_are_refused_with_the_lines_to_add(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    function = lambda_.Function(
        stack,
        "Nameless",
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("..."),
    )
    with pytest.raises(AttachError, match=r'Add to the Role: role_name="demo-nameless"'):
        federation.add_service_account("aws-bq-reader").attach_to(function)


def test_a_generated_function_name_is_refused_with_the_line_to_add(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    role = iam.Role(stack, "Role", role_name="named", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    function = lambda_.Function(
        stack,
        "Nameless",
        role=role,
        runtime=lambda_.Runtime.PYTHON_3_13,
        handler="index.handler",
        code=lambda_.Code.from_inline("..."),
    )
    with pytest.raises(AttachError, match=r'Add to the Function: function_name="demo-nameless"'):
        federation.add_service_account("aws-bq-reader").attach_to(function)


@pytest.mark.parametrize(("function_length", "fits"), [(23, True), (24, False)])
def test_role_and_function_name_must_fit_google_s_127_bytes(
    function_length: int, fits: bool, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    function = make_function(stack, "f" * function_length, role="r" * 64)
    if fits:
        account.attach_to(function)
    else:
        with pytest.raises(AttachError, match=r"take 89 bytes, 88 are left .* Shorten the names by 1 bytes"):
            account.attach_to(function)


def test_a_role_whose_sessions_do_not_fit_is_refused(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    role = iam.Role.from_role_name(stack, "Build", "b" * 39)
    account = federation.add_service_account("aws-bq-reader")
    account.grant_impersonation(role, session_name_bytes=48)
    with pytest.raises(AttachError, match="take 89 bytes"):
        account.grant_impersonation(role, session_name_bytes=49)


HERE, ELSEWHERE = CONTEXT["account"], "222222222222"


@pytest.mark.parametrize(
    ("arn", "told"),
    [
        (f"arn:aws:iam::{ELSEWHERE}:role/ci/deploy", f"is of the account {ELSEWHERE} in aws"),
        (f"arn:aws-cn:iam::{HERE}:role/deploy", f"is of the account {HERE} in aws-cn"),
        (f"arn:aws-us-gov:iam::{ELSEWHERE}:role/deploy", f"is of the account {ELSEWHERE} in aws-us-gov"),
    ],
)
@pytest.mark.parametrize("session_name", [None, "deploy"])
def test_a_role_of_another_account_is_not_one_of_this_account(
    arn: str, told: str, session_name: str | None, make_federation: MakeStack
) -> None:
    stack, federation = make_federation()
    role = iam.Role.from_role_arn(stack, "R", arn)
    with pytest.raises(AttachError, match=f"{told}.* Google's provider trusts the account {HERE} in aws"):
        federation.add_service_account("aws-bq-reader").grant_impersonation(role, 20, session_name=session_name)


def test_a_role_of_this_account_may_be_imported_by_its_arn(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    role = iam.Role.from_role_arn(stack, "R", f"arn:aws:iam::{HERE}:role/ci/deploy")
    federation.add_service_account("aws-bq-reader").grant_impersonation(role, 20)
    assert federation_of(stack)["ServiceAccounts"][0]["AwsRoles"] == ["deploy"]


@pytest.mark.parametrize("account", [None, ELSEWHERE])
def test_a_role_made_in_a_stack_of_another_account_is_refused(account: str | None, make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    env = cdk.Environment(account=account, region="eu-west-1") if account else None
    other = cdk.Stack(stack.node.root, "Other", env=env)  # type: ignore[arg-type]
    role = iam.Role(other, "R", role_name="deploy", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
    whose = f"the account {account}" if account else "an account that is not known at synth"
    with pytest.raises(AttachError, match=f"is of {whose}"):
        federation.add_service_account("aws-bq-reader").grant_impersonation(role, 20)


@pytest.mark.parametrize("account", [HERE, ELSEWHERE])
def test_an_imported_function_is_refused_with_the_page_that_tells_more(
    account: str, make_federation: MakeStack
) -> None:
    stack, federation = make_federation()
    function = lambda_.Function.from_function_attributes(
        stack,
        "F",
        function_arn=f"arn:aws:lambda:eu-west-1:{account}:function:reader",
        role=iam.Role.from_role_name(stack, "R", "reader-role"),
    )
    with pytest.raises(AttachError, match=r"is not made here .* docs/attach\.md"):
        federation.add_service_account("aws-bq-reader").attach_to(function)  # type: ignore[arg-type]


def test_an_imported_project_of_codebuild_has_no_role_to_trust(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    arn = f"arn:aws:codebuild:eu-west-1:{ELSEWHERE}:project/build"
    project = codebuild.Project.from_project_arn(stack, "P", arn)
    with pytest.raises(AttachError, match="does not tell which role it has"):
        federation.add_service_account("aws-bq-reader").grant_impersonation(project.role)  # type: ignore[arg-type]


NO_ROLES = ["*", "reader*", "rôle", "role ", "role\n", "a'b", "r" * 65, "role\u0661", "\uff52ole"]


@pytest.mark.parametrize("name", NO_ROLES)
def test_a_role_has_a_name_that_aws_gives(name: str, make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    with pytest.raises(AttachError, match="must be the name of an AWS role: 1-64 letters"):
        account.grant_impersonation(iam.Role.from_role_name(stack, "R", name), 10)


@pytest.mark.parametrize("name", ["", "s", "*", "a/b", "a b", "x\n", "é", "s" * 65])
def test_a_session_has_a_name_that_aws_gives(name: str, make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    with pytest.raises(AttachError, match="must be the name of a role's session: 2-64 letters"):
        account.grant_impersonation(iam.Role.from_role_name(stack, "R", "reader"), session_name=name)


@pytest.mark.parametrize("name", ["*", "reader*", "a/b", "réader", "f" * 65])
def test_a_function_has_a_name_that_aws_gives(
    name: str, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    function = make_function(stack)
    function.node.default_child.function_name = name  # type: ignore[union-attr]
    with pytest.raises(AttachError, match="must be the name of a Lambda function: 1-64 letters"):
        federation.add_service_account("aws-bq-reader").attach_to(function)


REGIONS = ["us-gov-west-1", "cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"]


def in_region(region: str) -> GcpFederation:
    """A federation in a stack of that region."""
    stack = cdk.Stack(cdk_app(), "There", env=cdk.Environment(account=HERE, region=region))
    given: dict[str, Any] = {"project": "my-project", "project_number": "1"}
    deployer = Deployer(audience="a", service_account="s", stage="dev")
    return GcpFederation(stack, "Google", deployer=deployer, layer=KeylessLayer(stack, "L", **THIS_MACHINE), **given)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_of_another_partition_is_refused_in_one_sentence(region: str) -> None:
    with pytest.raises(AttachError, match=f"'{region}', but must be an AWS region .* of the partition aws") as caught:
        in_region(region)
    assert str(caught.value).count(". ") == 0


def test_the_provider_in_a_nested_stack_needs_an_id(make_federation: MakeStack) -> None:
    stack, first = make_federation()
    nested = cdk.NestedStack(stack, "Inner")
    deployer = Deployer(audience="a", service_account="s", stage="dev")
    given: dict[str, Any] = {"project": "my-project", "project_number": "1", "layer": first.layer}
    assert GcpFederation(nested, "Named", deployer=deployer, provider="inner", **given).provider == "inner"
    with pytest.raises(
        InvalidNameError, match=r'Demo/Inner gets its name when .* GcpFederation\(..., provider="..."\)'
    ):
        GcpFederation(nested, "Google", deployer=deployer, **given)


REGIONAL = ["https://{service}.europe-west1.rep.googleapis.com", "https://us-central1-{service}.googleapis.com/"]


@pytest.mark.parametrize("endpoint", REGIONAL)
def test_a_regional_endpoint_and_impersonation_are_refused_together(endpoint: str, make_federation: MakeStack) -> None:
    _, federation = make_federation(google_endpoint=endpoint)
    with pytest.raises(AttachError, match=r"IAM Credentials has none: .* Use add_direct_access\(\)"):
        federation.add_service_account("aws-bq-reader")


@pytest.mark.parametrize("endpoint", REGIONAL)
def test_direct_access_has_the_regional_endpoint_and_the_handler_the_global_one(
    endpoint: str, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation(google_endpoint=endpoint)
    federation.add_direct_access("reports", grants=[ProjectGrant("roles/a.b")]).attach_to(make_function(stack))
    functions = Template.from_stack(stack).find_resources("AWS::Lambda::Function").values()
    told = {
        one["Properties"]["FunctionName"]: one["Properties"]["Environment"]["Variables"].get("KEYLESS_GOOGLE_ENDPOINT")
        for one in functions
    }
    assert told == {"reader": endpoint, "keyless-federation-dev-eu-west-1": None}


def test_the_deployer_s_own_account_is_nobody_else_s(make_federation: MakeStack) -> None:
    _, federation = make_federation()
    with pytest.raises(AttachError, match="is the deployer's own account"):
        federation.add_service_account("keyless-deployer")


def test_a_stack_without_account_is_refused() -> None:
    stack = cdk.Stack(cdk_app(), "Agnostic")
    with pytest.raises(AttachError, match=r"env=Environment\(account="):
        GcpFederation(
            stack,
            "Google",
            project="my-project",
            project_number="1",
            deployer=Deployer(audience="a", service_account="s", stage="dev"),
            layer=KeylessLayer(stack, "Layer", **THIS_MACHINE),
        )


def test_a_federation_that_lets_nobody_in_fails_the_synth(make_federation: MakeStack) -> None:
    stack, _ = make_federation()
    with pytest.raises(RuntimeError, match="No role was given access: attach at least one function or role"):
        Template.from_stack(stack)


def test_too_many_roles_for_one_condition_fail_the_synth(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    for number in range(110):
        account.grant_impersonation(iam.Role.from_role_name(stack, f"R{number}", f"{number:036}"), 40)
    with pytest.raises(RuntimeError, match="over Google's 4096"):
        Template.from_stack(stack)


def test_a_function_has_one_account(make_federation: MakeStack, make_function: MakeFunction) -> None:
    stack, federation = make_federation()
    function = make_function(stack)
    federation.add_service_account("aws-bq-reader").attach_to(function)
    with pytest.raises(AttachError, match="a function has one access to Google"):
        federation.add_service_account("aws-bq-writer").attach_to(function)


def test_a_function_of_another_architecture_is_refused(make_federation: MakeStack, make_function: MakeFunction) -> None:
    stack, federation = make_federation()
    other = "x86_64" if THIS_MACHINE["architecture"] == "arm64" else "arm64"
    function = make_function(stack, architecture=ARCHITECTURES[other])
    with pytest.raises(AttachError, match=f"runs on {other}, the layer is built for"):
        federation.add_service_account("aws-bq-reader").attach_to(function)


@pytest.mark.parametrize(
    "arguments", [{"pool": "gcp-pool"}, {"pool": "abc"}, {"provider": "Upper"}, {"provider": "p" * 33}]
)
def test_google_s_rules_for_ids_are_applied_at_synth(arguments: dict[str, str], make_federation: MakeStack) -> None:
    with pytest.raises(InvalidNameError, match="Google takes 4-32"):
        make_federation(**arguments)


def test_an_account_of_a_domain_s_project_has_google_s_address(make_federation: MakeStack) -> None:
    _, federation = make_federation(project="example.com:data")
    account = federation.add_service_account("aws-bq-reader")
    assert account.email == "aws-bq-reader@data.example.com.iam.gserviceaccount.com"


def test_two_federations_cannot_share_one_provider(make_federation: MakeStack) -> None:
    stack, first = make_federation()
    given: dict[str, Any] = {"project": "my-project", "project_number": "1", "layer": first.layer}
    deployer = Deployer(audience="a", service_account="s", stage="dev")
    with pytest.raises(InvalidNameError, match=r"Demo/Google and Demo/Other have the same provider .*/demo"):
        GcpFederation(stack, "Other", deployer=deployer, **given)
    GcpFederation(stack, "Third", deployer=deployer, provider="of-its-own", **given)


@pytest.mark.parametrize("name", ["short", "Capital-name", "ends-with-", "1-starts-with-digit", "a" * 31])
def test_google_s_rules_for_service_accounts_are_applied_at_synth(name: str, make_federation: MakeStack) -> None:
    _, federation = make_federation()
    with pytest.raises(InvalidNameError, match="<source>-<service>-<verb>"):
        federation.add_service_account(name)


def test_the_handler_becomes_the_deployer_and_may_do_nothing_else_in_aws(template: Template) -> None:
    name = "keyless-federation-dev-eu-west-1"
    template.has_resource_properties("AWS::IAM::Role", {"RoleName": name, "ManagedPolicyArns": Match.absent()})
    template.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "FunctionName": name,
            "Environment": {
                "Variables": Match.object_like(
                    {
                        "KEYLESS_AUDIENCE": CONTEXT["deployer_audience"],
                        "KEYLESS_SERVICE_ACCOUNT": CONTEXT["deployer_service_account"],
                    }
                )
            },
        },
    )
    allowed = {
        action: statement["Resource"]
        for policy in template.find_resources("AWS::IAM::Policy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    own_stack = {"Ref": "AWS::StackId"}
    for action in ("DescribeStackEvents", "DescribeStacks", "ListStackResources"):
        assert allowed.pop(f"cloudformation:{action}") == own_stack
    assert set(allowed) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert "*" not in allowed.values()


def test_the_handler_is_told_when_its_own_stack_was_rolled_back(template: Template) -> None:
    (handler,) = template.find_resources(
        "AWS::Lambda::Function", {"Properties": {"FunctionName": "keyless-federation-dev-eu-west-1"}}
    )
    template.has_resource_properties(
        "AWS::Events::Rule",
        {
            "EventPattern": {
                "source": ["aws.cloudformation"],
                "detail-type": ["CloudFormation Stack Status Change"],
                "detail": {
                    "stack-id": [{"Ref": "AWS::StackId"}],
                    "status-details": {"status": ["UPDATE_ROLLBACK_COMPLETE"]},
                },
            },
            "Targets": [Match.object_like({"Arn": {"Fn::GetAtt": [handler, "Arn"]}})],
        },
    )
