"""A function of an existing CDK app, attached with one line.

npx cdk deploy --app ".venv/bin/python -m examples.cdk.app"
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from keyless_cdk import CONTEXT_KEY, GcpFederation, KeylessLayer, ProjectGrant, Settings

CODE = Path(__file__).parents[1] / "function"


class OrdersStack(cdk.Stack):
    """What was there before: one function. Both its names are literals, which Google's condition needs."""

    def __init__(self, app: cdk.App, settings: Settings) -> None:
        env = cdk.Environment(account=settings.account, region=settings.region)
        super().__init__(app, f"orders-{settings.stage}", env=env)
        layer = KeylessLayer(self, "Layer", runtime=settings.runtime, architecture=settings.architecture)
        self.orders = lambda_.Function(
            self,
            "Orders",
            function_name="orders-cdk",
            role=iam.Role(
                self,
                "Role",
                role_name="orders-cdk",
                assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
                managed_policies=[
                    iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AWSLambdaBasicExecutionRole")
                ],
            ),
            runtime=layer.runtime,
            architecture=layer.architecture,
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(CODE), exclude=["__pycache__"]),
            memory_size=512,
            timeout=cdk.Duration.seconds(30),
        )
        federation = GcpFederation.from_settings(self, "Google", settings, layer=layer)
        reader = federation.add_service_account("aws-orders-reader", grants=[ProjectGrant("roles/bigquery.jobUser")])
        reader.attach_to(self.orders)  # the one line: layer, environment and trust


def main() -> None:
    """Build the stack and write the assembly."""
    app = cdk.App()
    OrdersStack(app, Settings.from_context(app.node.try_get_context(CONTEXT_KEY)))
    app.synth()


if __name__ == "__main__":
    main()
