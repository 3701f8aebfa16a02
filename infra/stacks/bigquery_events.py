"""The second example: events from a queue, from EventBridge and over HTTP, inserted into BigQuery."""

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.function import NamedFunction, package
from keyless_cdk.service_account import GcpServiceAccount

TIMEOUT = Duration.seconds(30)
# AWS asks for at least six times the function's timeout: meanwhile a batch that is being retried stays invisible.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
VISIBILITY = Duration.seconds(6 * 30)
DELIVERIES = 5
CONCURRENCY = 10
FUNCTION = {
    "Serverless-LambdaDLQ": "Failed events go to an on-failure destination, which is told the error as well.",
}
MAPPING = {
    "Serverless-LambdaEventSourceMappingDestination": "Of a queue, the redrive policy says where failures go.",
}
POST_TO = "Where to POST events, signed, with lambda:InvokeFunctionUrl and lambda:InvokeFunction"
LAST_QUEUE = {"Serverless-SQSRedrivePolicy": "Failures end here: people take them out, within 14 days."}


class BigQueryEvents(Construct):
    """`functions/bigquery_events` behind a queue, a rule of the default event bus and a Function URL.

    `table` is `project.dataset.table`, made by whoever owns the data. The rule lets events pass whose
    source is `keyless.STAGE`. What cannot be inserted ends in one of two queues, kept for 14 days: messages
    in the dead-letter queue as they were sent, events of the bus in the other with the error beside them.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, account: GcpServiceAccount, stage: str, table: str
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = self._make_function(account, f"keyless-bigquery-events-{stage}", table)
        self.source = f"keyless.{stage}"
        self._take_from_queue(f"keyless-events-{stage}")
        self._take_from_bus(f"keyless-events-{stage}")
        url = self.function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        CfnOutput(self, "Url", value=url.url, description=POST_TO)

    def _make_function(self, account: GcpServiceAccount, name: str, table: str) -> NamedFunction:
        layer = account.federation.layer
        function = NamedFunction(
            self,
            "Function",
            function_name=name,
            role_name=f"{name}-{Stack.of(self).region}",
            runtime=layer.runtime,
            architecture=layer.architecture,
            handler="bigquery_events.handler.handler",
            code=package("bigquery_events"),
            memory_size=512,
            timeout=TIMEOUT,
            environment={"POWERTOOLS_SERVICE_NAME": "bigquery-events", "EVENTS_TABLE": table},
        )
        account.attach_to(function)
        acknowledge(function, FUNCTION)
        return function

    def _take_from_queue(self, name: str) -> None:
        dead = self._queue("DeadLetters", f"{name}-dead-letters", retention_period=Duration.days(14))
        acknowledge(dead, LAST_QUEUE)
        queue = self._queue(
            "Queue",
            name,
            visibility_timeout=VISIBILITY,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=DELIVERIES),
        )
        source = sources.SqsEventSource(queue, report_batch_item_failures=True, max_concurrency=CONCURRENCY)
        self.function.add_event_source(source)
        acknowledge(self.function, MAPPING)
        CfnOutput(self, "QueueUrl", value=queue.queue_url, description="Where to send events, one a message")

    def _take_from_bus(self, name: str) -> None:
        failed = self._queue("Failed", f"{name}-failed", retention_period=Duration.days(14))
        acknowledge(failed, {**LAST_QUEUE, "AwsSolutions-SQS3": LAST_QUEUE["Serverless-SQSRedrivePolicy"]})
        self.function.configure_async_invoke(on_failure=destinations.SqsDestination(failed), retry_attempts=2)
        events.Rule(
            self,
            "Rule",
            rule_name=name,
            description="Events for BigQuery",
            event_pattern=events.EventPattern(source=[self.source]),
            targets=[targets.LambdaFunction(self.function, dead_letter_queue=failed)],
        )

    def _queue(self, construct_id: str, name: str, **queue: object) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            queue_name=name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
            **queue,  # type: ignore[arg-type]
        )
