"""Whether AWS's quota allows a warm environment: a new account has too little, and its first deployment would fail."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Lambda keeps that many environments unreserved, and accounts with a small quota (10 in new ones) have no more.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
UNRESERVED = 100
CONFIG = Config(retries={"total_max_attempts": 2}, connect_timeout=5, read_timeout=10)


def obstacle(account: str, region: str) -> str | None:
    """Return why one environment cannot be provisioned in `account`, or is not known to be; None where it can be."""
    session = boto3.Session(region_name=region)
    try:
        if session.get_credentials() is None:
            return "there are no AWS credentials here to ask for the quota with"
        caller = session.client("sts", config=CONFIG).get_caller_identity()["Account"]
        if caller != account:
            return f"the AWS credentials here are for the account {caller}"
        limits = session.client("lambda", config=CONFIG).get_account_settings()["AccountLimit"]
        free = int(limits["UnreservedConcurrentExecutions"])
    except ClientError as error:
        return f"AWS did not tell the quota: {error.response['Error']['Code']}"
    except BotoCoreError as error:
        return f"AWS did not tell the quota: {type(error).__name__}"
    return None if free > UNRESERVED else f"the account's quota leaves {free} environments, and AWS keeps {UNRESERVED}"
