"""The vocabulary of grants: what the custom resource is told of it, and what synth refuses."""

import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk.assertions import Template

from keyless_cdk.grants import (
    BucketGrant,
    Condition,
    DatasetGrant,
    Grant,
    ProjectGrant,
    ResourceGrant,
    ServiceAccountGrant,
    TableGrant,
)
from keyless_federation.model.federation import RESOURCE_TYPE, Federation
from keyless_federation.model.grants import Direct
from keyless_federation.model.grants import Grant as Granted
from keyless_federation.model.kinds import KINDS
from keyless_federation.model.targets import bucket, dataset, parse, project, service_account, table
from tests.infra.conftest import CONTEXT, MakeFunction, MakeStack

NIGHTS = Condition("nights", "request.time.getHours('Europe/Dublin') < 6")
TOPIC = "//pubsub.googleapis.com/projects/my-project/topics/orders"
EMAIL = "other@my-project.iam.gserviceaccount.com"
EACH: list[tuple[Grant, Granted]] = [
    (ProjectGrant("roles/a.b"), Granted(role="roles/a.b", on=project("my-project"))),
    (ProjectGrant("roles/a.b", "another"), Granted(role="roles/a.b", on=project("another"))),
    (DatasetGrant("roles/a.b", "sales"), Granted(role="roles/a.b", on=dataset("my-project", "sales"))),
    (
        DatasetGrant("roles/a.b", "sales", project="another", condition=NIGHTS),
        Granted(role="roles/a.b", on=dataset("another", "sales"), condition=NIGHTS),
    ),
    (TableGrant("roles/a.b", "sales", "orders"), Granted(role="roles/a.b", on=table("my-project", "sales", "orders"))),
    (
        BucketGrant("roles/a.b", "exports", condition=NIGHTS),
        Granted(role="roles/a.b", on=bucket("exports"), condition=NIGHTS),
    ),
    (ServiceAccountGrant("roles/a.b", EMAIL, foreign=True), Granted(role="roles/a.b", on=service_account(EMAIL))),
    (ResourceGrant("roles/a.b", TOPIC), Granted(role="roles/a.b", on=parse(TOPIC))),
]


def federation_in(stack: cdk.Stack) -> Federation:
    """What the custom resource reads in the synthesized stack."""
    found = Template.from_stack(stack).find_resources(RESOURCE_TYPE, {"Properties": {"Phase": "open"}})
    (resource,) = found.values()
    return Federation.from_properties(resource["Properties"])


def environment_of(stack: cdk.Stack, function: str) -> dict[str, Any]:
    """The variables of a function in the synthesized stack."""
    found = Template.from_stack(stack).find_resources(
        "AWS::Lambda::Function", {"Properties": {"FunctionName": function}}
    )
    (resource,) = found.values()
    variables: dict[str, Any] = resource["Properties"]["Environment"]["Variables"]
    return variables


def test_the_custom_resource_reads_every_grant_as_it_is_meant(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader", grants=[grant for grant, _ in EACH])
    account.attach_to(make_function(stack))
    [read] = federation_in(stack).accounts
    assert read.grants == tuple(granted for _, granted in EACH)


def test_direct_access_has_no_service_account(make_federation: MakeStack, make_function: MakeFunction) -> None:
    stack, federation = make_federation()
    reports = federation.add_direct_access("Reports", grants=[DatasetGrant("roles/bigquery.dataViewer", "sales")])
    function = make_function(stack)
    reports.attach_to(function)
    reports.attach_to(function)
    read = federation_in(stack)
    viewer = Granted(role="roles/bigquery.dataViewer", on=dataset("my-project", "sales"))
    assert (read.accounts, read.direct) == ((), (Direct(aws_roles=("reader-role",), grants=(viewer,)),))
    assert read.provider.condition.endswith("attribute.aws_role in ['reader-role']")
    assert "bigquery.googleapis.com" in read.apis
    assert environment_of(stack, "reader") == {
        "KEYLESS_AUDIENCE": federation.audience,
        "KEYLESS_APIS": "bigquery",
        "KEYLESS_DEADLINE": "2",
        "GOOGLE_CLOUD_PROJECT": "my-project",
    }


def test_a_function_has_one_access_be_it_direct_or_as_an_account(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    function = make_function(stack)
    federation.add_service_account("aws-bq-reader").attach_to(function)
    with pytest.raises(ValueError, match="is attached to aws-bq-reader: a function has one access to Google"):
        federation.add_direct_access("Reports", grants=[]).attach_to(function)


def test_a_function_may_be_known_by_its_full_arn(make_federation: MakeStack, make_function: MakeFunction) -> None:
    stack, federation = make_federation()
    account = federation.add_service_account("aws-bq-reader")
    account.attach_to(make_function(stack), by_arn=True)
    build = iam.Role.from_role_name(stack, "Build", "build-role")
    account.grant_impersonation(build, session_name="nightly")
    [read] = federation_in(stack).accounts
    assert read.aws_roles == ()
    assert read.aws_principals == (
        "arn:aws:sts::111122223333:assumed-role/build-role/nightly",
        "arn:aws:sts::111122223333:assumed-role/reader-role/reader",
    )
    assert federation.condition.endswith("attribute.aws_role in ['build-role', 'reader-role']")


def test_apis_of_resources_are_enabled_and_known_hosts_connected_to(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    key = "//cloudkms.googleapis.com/projects/my-project/locations/eu/keyRings/ring"
    grants = [
        ResourceGrant("projects/my-project/roles/publisher", TOPIC),
        BucketGrant("projects/my-project/roles/reader", "exports"),
        ResourceGrant("roles/cloudkms.viewer", key),
        ServiceAccountGrant("roles/iam.serviceAccountUser", EMAIL, foreign=True),
    ]
    federation.add_service_account("aws-publisher", grants=grants).attach_to(make_function(stack))
    apis = federation_in(stack).apis
    assert {"pubsub.googleapis.com", "storage.googleapis.com", "cloudkms.googleapis.com"} <= set(apis)
    assert environment_of(stack, "reader")["KEYLESS_APIS"] == "pubsub,storage"


def test_every_grant_that_google_would_refuse_is_told_at_synth(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    grants = [
        BucketGrant("roles/storage.objectViewer", "gs://exports"),
        DatasetGrant("bigquery.dataViewer", "my-dataset"),
        ResourceGrant("roles/pubsub.publisher", TOPIC, condition=NIGHTS),
    ]
    federation.add_service_account("aws-exports", grants=grants).attach_to(make_function(stack))
    unknown = ResourceGrant("roles/dns.admin", "//dns.googleapis.com/projects/p/managedZones/z")
    federation.add_direct_access("Zones", grants=[unknown])
    problems = federation.problems()
    assert [problem.partition(",")[0] for problem in problems] == [
        "Demo/Google/aws-exports: grants[0].Bucket is 'gs://exports'",
        "Demo/Google/aws-exports: grants[1].Dataset is 'my-dataset'",
        "Demo/Google/aws-exports: grants[1].Role is 'bigquery.dataViewer'",
        "Demo/Google/aws-exports: grants[2].Condition cannot be: Google takes none in the policy of "
        "the topic projects/my-project/topics/orders",
        "Demo/Google/Zones: grants[0].Resource is a text of 46 characters (not shown)",
    ]
    with pytest.raises(RuntimeError, match="gs://exports"):
        cdk.App.of(stack).synth()  # type: ignore[union-attr]


def test_a_name_that_only_the_deployment_knows_is_left_to_it(make_federation: MakeStack) -> None:
    stack, federation = make_federation()
    bucket_name = cdk.CfnParameter(stack, "Bucket").value_as_string
    access = federation.add_direct_access("Exports", grants=[BucketGrant("roles/storage.objectViewer", bucket_name)])
    assert access.problems() == []


def test_the_examples_in_the_docs_synthesize(make_federation: MakeStack, make_function: MakeFunction) -> None:
    stack, federation = make_federation()
    names: dict[str, Any] = {
        "federation": federation,
        "build_role": iam.Role.from_role_name(stack, "Build", "build-role"),
        **{name: make_function(stack, name) for name in ("function", "reporting", "exact")},
    }
    page = (Path(__file__).parents[2] / "docs" / "grants.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        exec(example, names)  # noqa: S102 -- our own page
    assert federation.problems() == []
    read = federation_in(stack)
    assert [account.name for account in read.accounts] == [
        "aws-bq-reader",
        "aws-gcs-writer",
        "aws-bq-exact",
        "aws-job-starter",
    ]
    assert read.direct[0].aws_roles == ("build-role", "reporting-role")


def test_the_docs_name_every_kind_that_grants_are_made_on() -> None:
    page = (Path(__file__).parents[2] / "docs" / "grants.md").read_text()
    own = {"iam.serviceAccounts", "resourcemanager.projects"}
    assert [kind.permission for kind in KINDS if f"{kind.permission}`" not in page and kind.permission not in own] == []
    for kind in KINDS:
        [line] = [line for line in page.splitlines() if f"{kind.permission}`" in line and line.startswith("|")] or [""]
        assert not line or (" yes |" in line or "uniform" in line) == kind.conditions


DEPLOYER = str(CONTEXT["deployer_service_account"])
ON_IAM = "//iam.googleapis.com/projects/-/serviceAccounts/"


@pytest.mark.parametrize(
    ("grant", "told"),
    [
        (ServiceAccountGrant("roles/a.b", EMAIL), f"{EMAIL}, which this federation does not make"),
        (ServiceAccountGrant("roles/a.b", DEPLOYER), f"the deployer {DEPLOYER}, which may change every policy"),
        (ResourceGrant("roles/a.b", ON_IAM + EMAIL), f"{EMAIL}, which this federation does not make"),
        (ResourceGrant("roles/a.b", ON_IAM + DEPLOYER), f"the deployer {DEPLOYER}, which may change every policy"),
    ],
)
@pytest.mark.parametrize("direct", [False, True])
def test_an_account_that_the_federation_does_not_make_must_be_meant(
    grant: Grant, told: str, direct: bool, make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    add = federation.add_direct_access if direct else federation.add_service_account
    add("aws-sa-user", grants=[grant]).attach_to(make_function(stack))
    with pytest.raises(RuntimeError, match=rf"{re.escape(told)}(?s:.)*foreign=True"):
        Template.from_stack(stack)


def test_an_account_of_the_federation_and_one_that_is_meant_are_granted_on(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    reader = federation.add_service_account("aws-bq-reader")
    grants = [ServiceAccountGrant("roles/a.b", reader.email), ServiceAccountGrant("roles/a.b", EMAIL, foreign=True)]
    federation.add_service_account("aws-sa-user", grants=grants).attach_to(make_function(stack))
    assert [account["Name"] for account in properties_in(stack)["ServiceAccounts"]] == ["aws-bq-reader", "aws-sa-user"]


def test_an_account_that_is_not_known_at_synth_must_be_meant(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    email = cdk.aws_ssm.StringParameter.value_for_string_parameter(stack, "/other/email")
    grants = [ServiceAccountGrant("roles/a.b", email)]
    federation.add_service_account("aws-sa-user", grants=grants).attach_to(make_function(stack))
    with pytest.raises(RuntimeError, match="a service account that is not known at synth"):
        Template.from_stack(stack)


def test_dynamic_references_are_refused_and_parameters_are_taken(
    make_federation: MakeStack, make_function: MakeFunction
) -> None:
    stack, federation = make_federation()
    parameter = cdk.aws_ssm.StringParameter.value_for_string_parameter(stack, "/sales/dataset")
    account = federation.add_service_account("aws-bq-reader", grants=[DatasetGrant("roles/a.b", parameter)])
    account.attach_to(make_function(stack))
    (grant,) = properties_in(stack)["ServiceAccounts"][0]["Grants"]
    assert set(grant["Dataset"]) == {"Ref"}


@pytest.mark.parametrize("literal", [True, False])
def test_a_dynamic_reference_is_refused(literal: bool, make_federation: MakeStack, make_function: MakeFunction) -> None:
    secret = cdk.SecretValue.secrets_manager("datasets").unsafe_unwrap()
    stack, federation = make_federation(description="{{resolve:ssm:/sales}}" if literal else "")
    grants = [] if literal else [DatasetGrant("roles/a.b", secret)]
    federation.add_service_account("aws-bq-reader", grants=grants).attach_to(make_function(stack))
    with pytest.raises(RuntimeError, match="a property is a dynamic reference"):
        Template.from_stack(stack)


def properties_in(stack: cdk.Stack) -> dict[str, Any]:
    """The properties of the federation in the synthesized stack."""
    found = Template.from_stack(stack).find_resources(RESOURCE_TYPE, {"Properties": {"Phase": "open"}})
    (resource,) = found.values()
    properties: dict[str, Any] = resource["Properties"]
    return properties
