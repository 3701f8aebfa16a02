"""Who makes or changes a function needs the rights to what it is made of, on the local AWS as on AWS."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_lab import ACCOUNT, PYTHON, REGION, LocalAws, archive

ROLE = f"arn:aws:iam::{ACCOUNT}:role/ours"
FUNCTIONS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
LAYERS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer"
CODE = {"ZipFile": archive({"index.py": "def handler(event, context): pass"})}


def allow(action: str, resource: str, **condition: Any) -> dict[str, Any]:
    """One statement of a policy."""
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        **({"Condition": condition} if condition else {}),
    }


ENOUGH = (
    allow("lambda:CreateFunction", f"{FUNCTIONS}:ours-*"),
    allow("lambda:TagResource", f"{FUNCTIONS}:ours-*"),
    allow("lambda:UpdateFunctionConfiguration", f"{FUNCTIONS}:ours-*"),
    allow("lambda:GetLayerVersion", f"{LAYERS}:ours:*"),
    allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "lambda.amazonaws.com"}),
)


@dataclass(frozen=True, slots=True)
class Developer:
    """Somebody who may do what was allowed last, and nothing else."""

    aws: LocalAws
    functions: Any

    def may(self, *statements: dict[str, Any]) -> None:
        """Allow exactly this."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.aws.client("iam").put_role_policy(RoleName="developer", PolicyName="rights", PolicyDocument=policy)

    def make(self, name: str, **more: Any) -> str:
        """A function; its ARN."""
        given = {"Runtime": PYTHON, "Handler": "index.handler", "Role": ROLE, "Code": CODE, **more}
        made: str = self.functions.create_function(FunctionName=name, **given)["FunctionArn"]
        return made


@pytest.fixture(scope="module")
def developer(aws: LocalAws) -> Developer:
    for role in ("ours", "theirs", "developer"):
        aws.create_role(role)
    for layer in ("ours", "theirs"):
        content = archive({"python/something.py": ""})
        aws.client("lambda").publish_layer_version(LayerName=layer, Content={"ZipFile": content})
    return Developer(aws, aws.client("lambda", **aws.assume("developer", "somebody")))


@pytest.fixture(autouse=True)
def allowed(developer: Developer) -> None:
    developer.may(*ENOUGH)


def refused(work: Any, *arguments: str, **more: Any) -> str:
    """What AWS says to somebody who may not."""
    with pytest.raises(ClientError) as raised:
        work(*arguments, **more)
    assert raised.value.response["Error"]["Code"] == "AccessDeniedException"
    return str(raised.value.response["Error"]["Message"])


def denial(action: str, resource: str) -> str:
    """The words of a refusal."""
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/developer/somebody"
    why = f"because no identity-based policy allows the {action} action"
    return f"User: {caller} is not authorized to perform: {action} on resource: {resource} {why}"


def test_enough_is_enough(developer: Developer) -> None:
    arn = developer.make("ours-whole", Layers=[f"{LAYERS}:ours:1"], Tags={"team": "orders"})
    developer.functions.update_function_configuration(
        FunctionName="ours-whole", Role=ROLE, Layers=[f"{LAYERS}:ours:1"], Timeout=5
    )
    assert arn == f"{FUNCTIONS}:ours-whole"


def test_a_role_that_may_not_be_passed_makes_no_function(developer: Developer) -> None:
    theirs = f"arn:aws:iam::{ACCOUNT}:role/theirs"
    assert refused(developer.make, "ours-role", Role=theirs) == denial("iam:PassRole", theirs)
    developer.make("ours-role")
    change = developer.functions.update_function_configuration
    assert refused(change, FunctionName="ours-role", Role=theirs) == denial("iam:PassRole", theirs)
    change(FunctionName="ours-role", Timeout=7)  # what is not changed is not asked for


def test_a_role_that_may_be_passed_to_another_service_only_makes_no_function(developer: Developer) -> None:
    elsewhere = allow("iam:PassRole", ROLE, StringEquals={"iam:PassedToService": "codebuild.amazonaws.com"})
    developer.may(*ENOUGH[:-1], elsewhere)
    assert refused(developer.make, "ours-elsewhere") == denial("iam:PassRole", ROLE)


def test_a_layer_that_may_not_be_read_is_given_to_no_function(developer: Developer) -> None:
    theirs = f"{LAYERS}:theirs:1"
    both = [f"{LAYERS}:ours:1", theirs]
    assert refused(developer.make, "ours-layers", Layers=both) == denial("lambda:GetLayerVersion", theirs)
    developer.make("ours-layers")
    change = developer.functions.update_function_configuration
    assert refused(change, FunctionName="ours-layers", Layers=both) == denial("lambda:GetLayerVersion", theirs)


def test_a_function_is_made_and_tagged_under_the_names_that_were_allowed(developer: Developer) -> None:
    assert "lambda:CreateFunction" in refused(developer.make, "theirs-name")
    developer.may(*(one for one in ENOUGH if one["Action"] != "lambda:TagResource"))
    developer.make("ours-untagged")
    told = refused(developer.make, "ours-tagged", Tags={"team": "orders"})
    assert told == denial("lambda:TagResource", f"{FUNCTIONS}:ours-tagged")


def test_cloudformation_asks_nobody_for_what_it_makes(aws: LocalAws) -> None:
    properties = {"FunctionName": "stacked", "Runtime": PYTHON, "Handler": "index.handler", "Role": ROLE}
    function = {"Type": "AWS::Lambda::Function", "Properties": {**properties, "Code": {"ZipFile": "handler = print"}}}
    assert aws.deploy("stacked", {"Function": function})["StackStatus"] == "CREATE_COMPLETE"
