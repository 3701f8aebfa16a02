"""The CDK app of the smoke test: the constructs of app.py, under names that stand in nobody's way."""

import json
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from keyless_cdk.federation import GcpFederation
from keyless_cdk.grants import ProjectGrant
from keyless_cdk.layer import KeylessLayer
from keyless_cdk.scaling import Scaling
from keyless_cdk.settings import CONTEXT_KEY, Settings
from stacks.bigquery_query import BigQueryQuery
from stacks.verify.stage import SmokeStage

WARM = "warm"


class SmokeStack(cdk.Stack):
    """Lambda -> BigQuery with an account of its own; its pool goes with it."""

    def __init__(self, scope: Construct, construct_id: str, *, target: SmokeStage, **stack: Any) -> None:
        settings = target.settings
        env = cdk.Environment(account=settings.account, region=settings.region)
        super().__init__(scope, construct_id, env=env, **stack)
        layer = KeylessLayer(self, "Layer", runtime=settings.runtime, architecture=settings.architecture)
        federation = GcpFederation.from_settings(self, "Google", settings, layer=layer, retain_pool=False)
        reader = federation.add_service_account(target.account, grants=[ProjectGrant("roles/bigquery.jobUser")])
        BigQueryQuery(self, "Query", account=reader, stage=settings.stage, scaling=Scaling.of(settings))


def main() -> None:
    """Build the stack and write the assembly."""
    app = cdk.App()
    settings = Settings.from_context(app.node.try_get_context(CONTEXT_KEY))
    target = SmokeStage.of(settings, warm=json.loads(app.node.try_get_context(WARM)))
    SmokeStack(app, target.stack, target=target)
    app.synth()


if __name__ == "__main__":
    main()
