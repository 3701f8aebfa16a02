"""The stacks of the app: each composes constructs and holds no logic of its own."""

from typing import Any

from aws_cdk import App, Environment, Stack
from constructs import Construct

from keyless_cdk.federation import GcpFederation
from keyless_cdk.grants import DatasetGrant, ProjectGrant
from keyless_cdk.layer import KeylessLayer
from keyless_cdk.publication import PublishedAccount, PublishedLayer
from keyless_cdk.scaling import Scaling
from keyless_cdk.settings import Settings
from keyless_cdk.terraform_build import TerraformBuild
from stacks.bigquery_events import BigQueryEvents
from stacks.bigquery_query import BigQueryQuery


def compose(app: App, settings: Settings) -> None:
    """Every stack of the app, as app.py deploys them and the tests check them."""
    BigQueryStack(app, f"keyless-bigquery-{settings.stage}", settings=settings)
    KeylessLayerStack(app, f"keyless-layer-{settings.stage}", settings=settings)


class BigQueryStack(Stack):
    """Lambda -> BigQuery: the layer, the example function and the trust that lets exactly it in."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        env = Environment(account=settings.account, region=settings.region)
        super().__init__(scope, construct_id, env=env, **stack)
        layer = KeylessLayer(self, "Layer", runtime=settings.runtime, architecture=settings.architecture)
        federation = GcpFederation.from_settings(self, "Google", settings, layer=layer)
        # The public data set is readable by any account that may run queries; add DatasetGrant(...) for your own.
        reader = federation.add_service_account("aws-bq-reader", grants=[ProjectGrant("roles/bigquery.jobUser")])
        PublishedAccount(self, "Attach", account=reader, stage=settings.stage, workloads=settings.attach)
        BigQueryQuery(
            self,
            "Query",
            account=reader,
            stage=settings.stage,
            scaling=Scaling.of(settings),
        )
        if settings.events_dataset:
            self._add_events(federation, settings, settings.events_dataset)
        if settings.terraform_roles:
            self._add_terraform(federation, settings)

    def _add_events(self, federation: GcpFederation, settings: Settings, dataset: str) -> None:
        """The second use case: an account of its own, which may write to one dataset and run no query."""
        grant = DatasetGrant("roles/bigquery.dataEditor", dataset)
        writer = federation.add_service_account("aws-bq-writer", grants=[grant], token_creator=False)
        table = f"{settings.project}.{dataset}.events"
        BigQueryEvents(self, "Events", account=writer, stage=settings.stage, table=table)

    def _add_terraform(self, federation: GcpFederation, settings: Settings) -> None:
        """The third: CodeBuild manages Google with Terraform, as an account that nothing else becomes."""
        grants = [ProjectGrant(role) for role in settings.terraform_roles]
        builder = federation.add_service_account("aws-terraform-apply", grants=grants, token_creator=False)
        TerraformBuild(self, "Terraform", account=builder, stage=settings.stage, start=settings.terraform_start)


class KeylessLayerStack(Stack):
    """The layer, published for functions that are not in this app (docs/attach.md)."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, **stack: Any) -> None:
        env = Environment(account=settings.account, region=settings.region)
        super().__init__(scope, construct_id, env=env, **stack)
        for target in sorted({f"{settings.runtime}/{settings.architecture}", *settings.layers}):
            runtime, _, architecture = target.partition("/")
            PublishedLayer(
                self, f"{runtime}-{architecture}", stage=settings.stage, runtime=runtime, architecture=architecture
            )
