"""A Lambda function whose role and function name are literals, as a Google condition needs them."""

from typing import Any

from aws_cdk import IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.layer import ROOT

_RUNTIME = "The setting `runtime` decides, for the layer and its functions together; 3.14 is offered, 3.13 the default."
ACKNOWLEDGED = {
    "AwsSolutions-L1": _RUNTIME,
    "Serverless-LambdaLatestVersion": _RUNTIME,
    "Serverless-LambdaTracing": (
        "X-Ray would be the role's only right on every resource (xray:PutTraceSegments takes *), "
        "and its SDK is not in the layer. Each link of the chain logs how long it took."
    ),
}


class NamedFunction(lambda_.Function):
    """A function with an explicit name, a role that may write to its own log group only, and bounded retention.

    Google sees `arn:aws:sts::ACCOUNT:assumed-role/ROLE/FUNCTION` and no more than 127 bytes of it:
    short explicit names are what makes a function attachable.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, function_name: str, role_name: str, **function: Any
    ) -> None:
        log_group = logs.LogGroup(
            scope,
            f"{construct_id}Logs",
            log_group_name=f"/aws/lambda/{function_name}",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            role_name=role_name,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        log_group.grant_write(role)
        super().__init__(scope, construct_id, function_name=function_name, role=role, log_group=log_group, **function)
        acknowledge(self, ACKNOWLEDGED)


def package(name: str) -> lambda_.Code:
    """Return a folder of `functions/` as a Python package of that name: its modules and nothing else."""
    exclude = ["*", f"!{name}", f"!{name}/*.py"]
    return lambda_.Code.from_asset(str(ROOT / "functions"), exclude=exclude, ignore_mode=IgnoreMode.GIT)
