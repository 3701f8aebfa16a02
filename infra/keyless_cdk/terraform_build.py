"""CodeBuild runs Terraform on Google, as a role that Google knows and with no key: `functions/terraform`, deployed."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from keyless_cdk import layer
from keyless_cdk.acknowledgements import acknowledge
from keyless_cdk.layer import ROOT
from keyless_cdk.service_account import GcpServiceAccount
from keyless_cdk.state_bucket import KEY, LOCK, PLANS, StateBucket

SESSION = len("AWSCodeBuild-") + 36
"""Bytes of a build's session name: a prefix and a UUID."""

IMAGES = {
    "arm64": codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0,
    "x86_64": codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5,
}
NOT_SOURCE = [".terraform", "*.tfstate", "*.tfstate.*", "*.tfplan", "crash.log", "bin"]

PROJECT = {"AwsSolutions-CB4": "It keeps nothing but plans, which CodeBuild encrypts with the account's key aws/s3."}
LAST_QUEUE = "Starts that failed end here: people read why, and start a build by hand."


class TerraformBuild(Construct):
    """A CodeBuild project `keyless-terraform-STAGE` that plans and applies what lies in `source`, as `account`.

    One build at a time; a build has an hour, or `timeout`. The state is kept in a bucket that outlives the stack, or in
    `state_bucket`, one of yours with versions. With `start="on-deploy"` every deployment that changed the stack is
    followed by a build; with `"by-hand"` you start each.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: GcpServiceAccount,
        stage: str,
        source: Path = ROOT / "functions" / "terraform",
        start: str = "by-hand",
        timeout: Duration | None = None,
        state_bucket: s3.IBucket | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = state_bucket or StateBucket(self, "State")
        # Short, so that it fits: of Google's 127 bytes a build's session name leaves 38 to the role.
        self.role = iam.Role(
            self,
            "Role",
            role_name=f"keyless-tf-{stage}-{Stack.of(self).region}",
            assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
        )
        account.grant_impersonation(self.role, session_name_bytes=SESSION)
        self.project = self._make_project(account, f"keyless-terraform-{stage}", stage, source, timeout)
        self._allow_state()
        if start == "on-deploy":
            self._start_after_deployments(stage)
        CfnOutput(self, "Build", value=f"keyless-terraform-{stage}", description="What to start a build of")
        CfnOutput(
            self, "StateAddress", value=f"s3://{self.bucket.bucket_name}/{KEY}", description="Where the state is kept"
        )

    def _make_project(
        self, account: GcpServiceAccount, name: str, stage: str, source: Path, timeout: Duration | None
    ) -> codebuild.Project:
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/codebuild/{name}",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )
        log_group.grant_write(self.role)
        image = IMAGES[account.federation.layer.architecture.name]
        variables = self._variables(account, stage)
        project = codebuild.Project(
            self,
            "Project",
            project_name=name,
            description="Terraform on Google Cloud, without a key",
            role=self.role.without_policy_updates(),  # CDK would allow it far more than it needs
            source=self._source("Source", source, exclude=NOT_SOURCE),
            secondary_sources=[self._source("Keyless", _layer(account), identifier="keyless")],
            artifacts=codebuild.Artifacts.s3(
                bucket=self.bucket, path=PLANS, name="plan", package_zip=False, include_build_id=True
            ),
            environment=codebuild.BuildEnvironment(build_image=image, compute_type=codebuild.ComputeType.SMALL),
            environment_variables={
                name: codebuild.BuildEnvironmentVariable(value=value) for name, value in variables.items()
            },
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)),
            timeout=timeout or Duration.hours(1),
            concurrent_build_limit=1,
            check_secrets_in_plain_text_env_variables=True,
        )
        acknowledge(project, PROJECT)
        return project

    def _source(
        self, construct_id: str, path: Path, *, identifier: str | None = None, exclude: list[str] | None = None
    ) -> codebuild.ISource:
        """A folder or a zip file as an asset that the role may fetch: that one object."""
        asset = assets.Asset(self, construct_id, path=str(path), exclude=exclude)
        self._allow(["s3:GetObject", "s3:GetObjectVersion"], asset.bucket.arn_for_objects(asset.s3_object_key))
        return codebuild.Source.s3(identifier=identifier, bucket=asset.bucket, path=asset.s3_object_key)

    def _variables(self, account: GcpServiceAccount, stage: str) -> dict[str, str]:
        project, endpoint = account.federation.project, account.federation.google_endpoint
        return {
            **account.environment(),
            "PYTHON_VERSION": account.federation.layer.runtime.name.removeprefix("python"),
            "STATE_BUCKET": self.bucket.bucket_name,
            "STATE_KEY": KEY,
            "TF_VAR_project": project,
            "TF_VAR_stage": stage,
            **({"GOOGLE_BIG_QUERY_CUSTOM_ENDPOINT": _url(endpoint, "bigquery", "bigquery/v2/")} if endpoint else {}),
            **({"GOOGLE_STORAGE_CUSTOM_ENDPOINT": _url(endpoint, "storage", "storage/v1/")} if endpoint else {}),
        }

    def _allow_state(self) -> None:
        """What Terraform's S3 backend needs, and CodeBuild to keep plans.

        https://developer.hashicorp.com/terraform/language/backend/s3#permissions-required
        """
        key, lock, plans = (self.bucket.arn_for_objects(name) for name in (KEY, LOCK, f"{PLANS}/*"))
        self._allow(["s3:ListBucket", "s3:GetBucketAcl", "s3:GetBucketLocation"], self.bucket.bucket_arn)
        self._allow(["s3:GetObject", "s3:PutObject"], key)
        self._allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], lock)
        self._allow(["s3:GetObject", "s3:PutObject"], plans)

    def _allow(self, actions: list[str], resource: str) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))

    def _start_after_deployments(self, stage: str) -> None:
        """CloudFormation tells of the end of each deployment that changed something: the source is part of it."""
        stack = Stack.of(self)
        events.Rule(
            self,
            "Deployed",
            description="Terraform follows every deployment",
            event_pattern=events.EventPattern(
                source=["aws.cloudformation"],
                detail_type=["CloudFormation Stack Status Change"],
                detail={
                    "stack-id": [stack.stack_id],
                    "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
                },
            ),
            targets=[targets.CodeBuildProject(self.project, dead_letter_queue=self._failed_starts(stage))],
        )

    def _failed_starts(self, stage: str) -> sqs.Queue:
        """Where EventBridge puts the event whose build did not start, with the error: one that was busy, perhaps."""
        queue = sqs.Queue(
            self,
            "FailedStarts",
            queue_name=f"keyless-terraform-{stage}-failed-starts",
            retention_period=Duration.days(14),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(queue, dict.fromkeys(("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"), LAST_QUEUE))
        return queue


def _layer(account: GcpServiceAccount) -> Path:
    """The layer's zip, which the stack publishes anyhow: Keyless and its locked dependencies."""
    used = account.federation.layer
    return layer.build(used.runtime.name, used.architecture.name)


def _url(endpoint: str, service: str, path: str) -> str:
    return f"{endpoint.replace('{service}', service)}/{path}"
