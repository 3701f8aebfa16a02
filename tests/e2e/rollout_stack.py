"""The stack of `rollout_app`: imported when something is synthesized, as aws_cdk starts Node."""

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from keyless_cdk.federation import GcpFederation
from keyless_cdk.function import NamedFunction
from keyless_cdk.grants import Grant, ProjectGrant
from keyless_cdk.layer import ROOT, KeylessLayer
from keyless_cdk.settings import Settings
from tests.e2e.rollout_app import READER, STACK, WRITER, State, Workload

HANDLER = """
import json, os, uuid
import keyless
PROCESS = uuid.uuid4().hex
credentials = keyless.credentials()
print(json.dumps({"process": PROCESS, "warm": keyless.ready(2)}))
if os.environ["STAMP"] == "broken":
    raise RuntimeError("told to fail in init")
def handler(event, context):
    if event.get("exchange"):
        credentials.refresh(None)  # a token lives an hour: only an exchange shows that the trust is there
    credentials.before_request(None, "GET", "", {})
    return {"stamp": os.environ["STAMP"], "account": credentials.service_account_email.partition("@")[0],
            "init": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "process": PROCESS}
"""


def synthesize(settings: Settings, state: State, out: Path) -> None:
    """Write the assembly of `state`, as `cdk synth` would."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(context=context, outdir=str(out))
    RolloutStack(app, settings, state)
    app.synth()


class RolloutStack(cdk.Stack):
    """A federation with two accounts, and functions behind `live` with one provisioned environment each."""

    def __init__(self, app: cdk.App, settings: Settings, state: State) -> None:
        env = cdk.Environment(account=settings.account, region=settings.region)
        super().__init__(app, STACK, env=env)
        layer = KeylessLayer(self, "Layer", runtime=settings.runtime, architecture=settings.architecture)
        federation = GcpFederation.from_settings(self, "Google", settings, layer=layer, provider=state.provider)
        grants: list[Grant] = [ProjectGrant(role) for role in state.roles]
        accounts = {
            READER: federation.add_service_account(state.accounts[READER], grants=grants),
            WRITER: federation.add_service_account(state.accounts[WRITER]),
        }
        for name, workload in state.functions.items():
            accounts[workload.account].attach_to(self._function(name, workload, layer))

    def _function(self, name: str, workload: Workload, layer: KeylessLayer) -> lambda_.Function:
        function = NamedFunction(
            self,
            name.title(),
            function_name=name,
            role_name=workload.role,
            runtime=layer.runtime,
            architecture=layer.architecture,
            handler="index.handler",
            code=lambda_.Code.from_inline(HANDLER),
            environment={"STAMP": workload.stamp},
            timeout=cdk.Duration.seconds(30),
            current_version_options=lambda_.VersionOptions(removal_policy=cdk.RemovalPolicy.RETAIN),
        )
        lambda_.Alias(
            self,
            f"{name.title()}Live",
            alias_name="live",
            version=function.current_version,
            provisioned_concurrent_executions=1,
        )
        return function
