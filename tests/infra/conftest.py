"""Stacks synthesized in this process, with cdk.json's own context: what `cdk synth` would write."""

import json
import re
import tempfile
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Template

from keyless_cdk.federation import GcpFederation
from keyless_cdk.federation_handler import Deployer
from keyless_cdk.function import NamedFunction
from keyless_cdk.layer import ARCHITECTURES, ROOT, RUNTIMES, KeylessLayer
from keyless_cdk.settings import Settings
from local.setup import machine, runtime
from stacks.app import BigQueryStack
from tests.infra.context import CONTEXT as CONTEXT

ON_LAMBDA = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_REGION": "eu-west-1"}
THIS_MACHINE = {"runtime": runtime(), "architecture": machine()}


ASSEMBLIES = tempfile.TemporaryDirectory(prefix="keyless-assemblies-")  # gone when the tests are over


def cdk_app() -> cdk.App:
    """An app as `cdk` would run it: the feature flags of cdk.json decide what synth writes."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return cdk.App(context=context, outdir=tempfile.mkdtemp(dir=ASSEMBLIES.name))


@pytest.fixture(scope="session")
def template() -> Template:
    """The example stack, for this machine's runtime: its layer is already built."""
    settings = Settings.from_context({**CONTEXT, **THIS_MACHINE})
    return Template.from_stack(BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings))


MakeStack = Callable[..., tuple[cdk.Stack, GcpFederation]]
MakeFunction = Callable[..., NamedFunction]


@pytest.fixture
def make_federation() -> MakeStack:
    """A stack with a federation and nothing attached; keyword arguments go to the federation."""

    def make(name: str = "Demo", **arguments: Any) -> tuple[cdk.Stack, GcpFederation]:
        stack = cdk.Stack(cdk_app(), name, env=cdk.Environment(account=CONTEXT["account"], region=CONTEXT["region"]))
        layer = KeylessLayer(stack, "Layer", **THIS_MACHINE)
        deployer = Deployer(
            audience=CONTEXT["deployer_audience"],
            service_account=CONTEXT["deployer_service_account"],
            stage=CONTEXT["stage"],
        )
        given = {"project": CONTEXT["project"], "project_number": CONTEXT["project_number"], **arguments}
        return stack, GcpFederation(stack, "Google", deployer=deployer, layer=layer, **given)

    return make


@pytest.fixture
def make_function() -> MakeFunction:
    """A function with literal names in the given stack."""

    def make(stack: cdk.Stack, name: str = "reader", role: str | None = None, **changed: Any) -> NamedFunction:
        given = {
            "runtime": RUNTIMES[THIS_MACHINE["runtime"]],
            "architecture": ARCHITECTURES[THIS_MACHINE["architecture"]],
            **changed,
        }
        return NamedFunction(
            stack,
            name.title(),
            function_name=name,
            role_name=role or f"{name}-role",
            handler="index.handler",
            code=cdk.aws_lambda.Code.from_inline("def handler(event, context): ..."),
            **given,
        )

    return make


def masked(value: Any) -> Any:
    """The template without what changes with the layer's build or this machine: hashes, runtime, architecture."""
    text = re.sub(r"[0-9a-f]{64}", "<asset>", json.dumps(value))
    text = re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1<hash>", text)
    text = text.replace(f'"{THIS_MACHINE["runtime"].removeprefix("python")}"', '"<python>"')
    text = text.replace(THIS_MACHINE["runtime"], "<runtime>").replace(THIS_MACHINE["architecture"], "<architecture>")
    return json.loads(text)
