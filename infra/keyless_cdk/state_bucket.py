"""The bucket of Terraform's state: versioned, encrypted, private, and still there when its stack is not."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from keyless_cdk.acknowledgements import acknowledge

KEY = "terraform.tfstate"
LOCK = f"{KEY}.tflock"
PLANS = "plans"

ACCESS_LOGS = {
    "AwsSolutions-S1": (
        "CloudTrail's data events tell more than access logs, the caller's name above all; a second bucket for logs "
        "would be the one thing here that nobody looks after."
    ),
}
PLANS_ONLY = "A plan lies under the ID of its build, which nobody knows before; all else in the bucket is named."


class StateBucket(s3.Bucket):
    """The state is at `terraform.tfstate`, with its 20 latest versions at least; plans are kept for 30 days."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        days = Duration.days(90)
        super().__init__(
            scope,
            construct_id,
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(id="plans", prefix=f"{PLANS}/", expiration=Duration.days(30)),
                s3.LifecycleRule(id="versions", noncurrent_version_expiration=days, noncurrent_versions_to_retain=20),
                s3.LifecycleRule(id="markers", expired_object_delete_marker=True),
            ],
        )
        name = Stack.of(self).get_logical_id(cast(s3.CfnBucket, self.node.default_child))
        acknowledge(self, ACCESS_LOGS)
        acknowledge(scope, {f"AwsSolutions-IAM5[Resource::<{name}.Arn>/{PLANS}/*]": PLANS_ONLY})
