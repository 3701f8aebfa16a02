"""The Lambda behind the federation's custom resource: it becomes the deployer through the layer, with no key."""

from dataclasses import dataclass
from typing import Self

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.bundle import bundle
from keyless_cdk.function import NamedFunction
from keyless_cdk.layer import KeylessLayer
from keyless_federation.model.rules import handler_name, is_regional

TIMEOUT = Duration.minutes(5)
SERVICE_TIMEOUT = Duration.minutes(6)  # CloudFormation's own patience: the default is an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """The identity on Google's side that a bootstrap made: its provider's audience and its service account."""

    audience: str
    service_account: str
    stage: str


class FederationHandler(NamedFunction):
    """One per stack; its role is the one name per stage and region that the bootstrap trusts."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployer: Deployer,
        layer: KeylessLayer,
        project: str,
        google_endpoint: str | None,
    ) -> None:
        name = handler_name(deployer.stage, Stack.of(scope).region)
        # The handler impersonates the deployer, and IAM has no regional endpoints.
        endpoint = None if google_endpoint and is_regional(google_endpoint) else google_endpoint
        super().__init__(
            scope,
            construct_id,
            function_name=name,
            role_name=name,
            description="Makes and removes Google's side of the federation for CloudFormation",
            runtime=layer.runtime,
            architecture=layer.architecture,
            layers=[layer],
            handler="gcp_federation.handler.handler",
            code=lambda_.Code.from_asset(bundle()),
            memory_size=256,
            timeout=TIMEOUT,
            environment={
                "KEYLESS_AUDIENCE": deployer.audience,
                "KEYLESS_SERVICE_ACCOUNT": deployer.service_account,
                "GOOGLE_CLOUD_PROJECT": project,
                "POWERTOOLS_SERVICE_NAME": "gcp-federation",
                **({"KEYLESS_GOOGLE_ENDPOINT": endpoint} if endpoint else {}),
            },
        )
        # Lambda keeps a request that it could not deliver for six hours, CloudFormation waits for minutes.
        self.configure_async_invoke(max_event_age=SERVICE_TIMEOUT)
        self._listen_for_rollbacks()
        acknowledge(
            self,
            {
                **dict.fromkeys(
                    ("Serverless-LambdaDLQ", "Serverless-LambdaAsyncFailureDestination"),
                    "CloudFormation waits for the answer and fails the deployment without it, and a queue would "
                    "keep the signed address to which CloudFormation wants that answer.",
                )
            },
        )

    def _listen_for_rollbacks(self) -> None:
        """Have it narrow again what a failed update widened: CloudFormation asks for nothing after a rollback."""
        stack = Stack.of(self)
        rule = events.Rule(
            self,
            "RolledBack",
            description="An update was rolled back: its trust is taken away again",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={"stack-id": [stack.stack_id], "status-details": {"status": ["UPDATE_ROLLBACK_COMPLETE"]}},
            ),
            targets=[targets.LambdaFunction(self)],
        )
        acknowledge(
            rule,
            {
                "Serverless-EventBusDLQ": (
                    "EventBridge tries for a day, and the next deployment takes back what is left: "
                    "nobody would read the queue."
                )
            },
        )
        self.add_to_role_policy(
            iam.PolicyStatement(
                actions=[
                    f"cloudformation:{action}"
                    for action in ("DescribeStackEvents", "DescribeStacks", "ListStackResources")
                ],
                resources=[stack.stack_id],
            )
        )

    @classmethod
    def of(cls, scope: Construct, **arguments: object) -> Self:
        """The stack's handler, made by the first federation that asks."""
        stack = Stack.of(scope)
        existing = stack.node.try_find_child("FederationHandler")
        if isinstance(existing, cls):
            return existing
        return cls(stack, "FederationHandler", **arguments)  # type: ignore[arg-type]
