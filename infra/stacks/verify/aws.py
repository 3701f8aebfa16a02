"""The AWS side of the smoke test: who we are, what is there, and the function that is asked."""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from keyless_cli.bootstrap.quota import UNRESERVED
from keyless_federation.model.rules import session_arn
from stacks.verify.stage import SmokeStage

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=90)
CDK_VERSION = "/cdk-bootstrap/hnb659fds/version"
LEAST_CDK_VERSION = 6
MARK = "SMOKE_TEST"
MISSING = {"ValidationError", "ResourceNotFoundException", "NoSuchEntity", "ParameterNotFound"}


class RefusedError(RuntimeError):
    """The function answered with an error; the message is its own."""


@dataclass(frozen=True, slots=True)
class Aws:
    """One account and region, as whoever the environment's credentials stand for."""

    target: SmokeStage

    def account(self) -> str:
        """The account that the credentials belong to."""
        return str(self._client("sts").get_caller_identity()["Account"])

    def cdk_version(self) -> int | None:
        """The version of `cdk bootstrap` in the region; None: it was never run there."""
        try:
            return int(self._client("ssm").get_parameter(Name=CDK_VERSION)["Parameter"]["Value"])
        except ClientError as error:
            _require_missing(error)
            return None

    def can_provision(self) -> bool:
        """Whether the account's quota has room for one provisioned environment."""
        limits = self._client("lambda").get_account_settings()["AccountLimit"]
        return int(limits["UnreservedConcurrentExecutions"]) > UNRESERVED

    def stack_status(self) -> str | None:
        """CloudFormation's word for the stack, None where there is none."""
        try:
            [stack] = self._client("cloudformation").describe_stacks(StackName=self.target.stack)["Stacks"]
        except ClientError as error:
            _require_missing(error)
            return None
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else str(stack["StackStatus"])

    def delete_stack(self) -> None:
        """Delete the stack; returns when it is gone."""
        cloudformation = self._client("cloudformation")
        cloudformation.delete_stack(StackName=self.target.stack)
        often = {"Delay": 2, "MaxAttempts": 1800}  # the hour that it waits by default, looking every 30 s
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=self.target.stack, WaiterConfig=often)

    def identity(self) -> str:
        """The ARN as which the function comes to Google."""
        role = self._client("lambda").get_function_configuration(FunctionName=self.target.function)["Role"]
        account, name = role.split(":")[4], role.rpartition("/")[2]
        return session_arn(account, name, self.target.function)

    def query(self, qualifier: str) -> list[dict[str, Any]]:
        """The rows that the function answers with; raises `RefusedError`."""
        answer = self._client("lambda").invoke(FunctionName=self.target.function, Qualifier=qualifier, Payload="{}")
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RefusedError(f"{result.get('errorType')}: {result.get('errorMessage')}")
        rows: list[dict[str, Any]] = result["rows"]
        return rows

    def renew(self, mark: str) -> None:
        """Have the next call of $LATEST start in a new environment, whose token is not in anyone's memory."""
        functions = self._client("lambda")
        present = functions.get_function_configuration(FunctionName=self.target.function)
        variables = {**present["Environment"]["Variables"], MARK: mark}
        functions.update_function_configuration(FunctionName=self.target.function, Environment={"Variables": variables})
        functions.get_waiter("function_updated_v2").wait(FunctionName=self.target.function)

    def left(self) -> list[str]:
        """What of the smoke test is still there."""
        functions = (self.target.function, self.target.deployer_role)
        roles = (f"{self.target.function}-{self.target.settings.region}", self.target.deployer_role)
        found = [f"the stack {self.target.stack} ({status})"] if (status := self.stack_status()) else []
        found += [f"the function {name}" for name in functions if self._is_there("lambda", FunctionName=name)]
        found += [f"the role {name}" for name in roles if self._is_there("iam", RoleName=name)]
        return found + [f"the log group /aws/lambda/{name}" for name in functions if self._has_logs(name)]

    def _is_there(self, service: str, **name: str) -> bool:
        client = self._client(service)
        try:
            (client.get_role if service == "iam" else client.get_function)(**name)
        except ClientError as error:
            _require_missing(error)
            return False
        return True

    def _has_logs(self, function: str) -> bool:
        name = f"/aws/lambda/{function}"
        groups = self._client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return any(group["logGroupName"] == name for group in groups)

    def _client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.target.settings.region, config=ONCE)


def _require_missing(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in MISSING:
        raise error
