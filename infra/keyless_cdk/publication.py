"""What functions outside this app attach with: the layer and an account, in stack outputs and in SSM parameters.

Parameters and no exports: CloudFormation refuses to change an exported value while another stack imports it.
"""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from keyless_cdk.layer import KeylessLayer
from keyless_cdk.service_account import GcpServiceAccount
from keyless_federation.model.rules import GOOGLE_ENDPOINT

REGIONAL_VERIFICATION = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
AWS_REQUEST = "urn:ietf:params:aws:token-type:aws4_request"


class PublishedLayer(Construct):
    """The layer for one runtime and architecture; its ARN is in `/keyless/STAGE/layer/RUNTIME/ARCHITECTURE`.

    A new version leaves the old ones in place: functions elsewhere use them.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: str, runtime: str, architecture: str) -> None:
        super().__init__(scope, construct_id)
        layer = KeylessLayer(
            self,
            "Layer",
            runtime=runtime,
            architecture=architecture,
            layer_version_name=f"keyless-{stage}-{runtime.replace('.', '')}-{architecture}",
            removal_policy=RemovalPolicy.RETAIN,
        )
        parameter = f"/keyless/{stage}/layer/{runtime}/{architecture}"
        ssm.StringParameter(self, "Parameter", parameter_name=parameter, string_value=layer.layer_version_arn)
        CfnOutput(self, "Arn", value=layer.layer_version_arn, description=f"The layer's ARN, also in SSM: {parameter}")


class PublishedAccount(Construct):
    """How functions outside this app become `account`, below `/keyless/STAGE/ACCOUNT/`; nothing in it is secret.

    `environment` holds all variables as a JSON object, and each has a parameter of its own besides, since
    CloudFormation cannot take JSON apart. `credentials` holds a standard credential configuration.
    `workloads` are let in: the role and the function of each, as `ROLE/FUNCTION`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: GcpServiceAccount,
        stage: str,
        workloads: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        for workload in workloads:
            role, _, function = workload.partition("/")
            imported = iam.Role.from_role_name(self, workload.replace("/", "-"), role)
            account.grant_impersonation(imported, session_name_bytes=len(function.encode()))
        self._path = f"/keyless/{stage}/{account.name}"
        variables = {"KEYLESS_GOOGLE_ENDPOINT": GOOGLE_ENDPOINT, **account.environment()}
        for variable, value in sorted(variables.items()):
            self._parameter(variable, value)
        self._output("Environment", json.dumps(variables, sort_keys=True), "The variables of a function")
        self._output("Credentials", json.dumps(credential_configuration(account)), "For Google's own libraries")

    def _parameter(self, name: str, value: str) -> None:
        ssm.StringParameter(self, f"Parameter-{name}", parameter_name=f"{self._path}/{name}", string_value=value)

    def _output(self, name: str, value: str, meaning: str) -> None:
        parameter = name.lower()
        self._parameter(parameter, value)
        CfnOutput(self, name, value=value, description=f"{meaning}, also in SSM: {self._path}/{parameter}")


def credential_configuration(account: GcpServiceAccount) -> dict[str, Any]:
    """The standard `external_account` file (google.aip.dev/auth/4117) for functions that become `account`.

    Without the addresses of EC2's metadata, which Lambda does not have: where the function's keys are not found,
    Google's libraries then say so at once, instead of waiting for a machine that is not there.
    """
    template = account.federation.google_endpoint or GOOGLE_ENDPOINT
    sts, iam_credentials = (template.replace("{service}", service) for service in ("sts", "iamcredentials"))
    return {
        "universe_domain": "googleapis.com",
        "type": "external_account",
        "audience": account.federation.audience,
        "subject_token_type": AWS_REQUEST,
        "token_url": f"{sts}/v1/token",
        "service_account_impersonation_url": (
            f"{iam_credentials}/v1/projects/-/serviceAccounts/{account.email}:generateAccessToken"
        ),
        "credential_source": {
            "environment_id": "aws1",
            "regional_cred_verification_url": REGIONAL_VERIFICATION,
        },
    }
