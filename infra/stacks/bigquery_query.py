"""The example that people copy: a Lambda that queries BigQuery, warm before its first request."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.function import NamedFunction
from keyless_cdk.layer import ROOT
from keyless_cdk.scaling import Scaling, scale
from keyless_cdk.service_account import GcpServiceAccount


class BigQueryQuery(Construct):
    """`functions/bigquery_query` behind the alias `live`, kept warm and scaled as `scaling` says."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: GcpServiceAccount,
        stage: str,
        scaling: Scaling,
    ) -> None:
        super().__init__(scope, construct_id)
        layer = account.federation.layer
        name = f"keyless-bigquery-query-{stage}"
        self.function = NamedFunction(
            self,
            "Function",
            function_name=name,
            role_name=f"{name}-{Stack.of(self).region}",
            runtime=layer.runtime,
            architecture=layer.architecture,
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(ROOT / "functions" / "bigquery_query"), exclude=["__pycache__", "*.pyc"]),
            memory_size=512,
            timeout=Duration.seconds(30),
            environment={"POWERTOOLS_SERVICE_NAME": "bigquery-query"},
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        acknowledge(
            self.function,
            {"Serverless-LambdaDLQ": "It answers a caller who waits and who gets the error: nothing is left behind."},
        )
        account.attach_to(self.function)
        self.alias = lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.function.current_version,
            provisioned_concurrent_executions=scaling.least or None,
        )
        scale(self.alias, scaling)
        CfnOutput(self, "Invoke", value=f"{name}:live", description="What to invoke")
