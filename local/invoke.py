"""Invoke a deployed function through its alias, as any caller would."""

import json
import os
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

from local.deployment import STAGE

FUNCTION = f"keyless-bigquery-query-{STAGE}"


class InvocationFailed(RuntimeError):
    """The function answered with an error; the message is its own."""


def invoke(payload: Mapping[str, Any], environment: Mapping[str, str], function: str = f"{FUNCTION}:live") -> Any:
    """The function's answer to `payload`; `environment` names the local AWS. Raises `InvocationFailed`."""
    answer = client("lambda", environment).invoke(FunctionName=function, Payload=json.dumps(payload))
    result = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise InvocationFailed(f"{function} failed: {result.get('errorType')}: {result.get('errorMessage')}")
    return result


def client(service: str, environment: Mapping[str, str]) -> Any:
    """A boto3 client for the cloud that `environment` names, and for no other."""
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def main(argv: list[str]) -> None:
    """`python -m local invoke [JSON]`: print the rows; needs the environment of build/local.env."""
    if "AWS_ENDPOINT_URL" not in os.environ:
        raise SystemExit("Where is the local AWS? Start it with `make up`, then `. build/local.env`.")
    payload = json.loads(argv[0]) if argv else {}
    print(json.dumps(invoke(payload, os.environ), indent=2))
