"""What functions outside the app attach with: parameters and outputs, and the trust that lets them in."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk.assertions import Template
from keyless.config import Config

from keyless_cdk.identity import AttachError
from keyless_cdk.layer import ROOT
from keyless_cdk.settings import Settings, SettingsError
from stacks.app import BigQueryStack, KeylessLayerStack
from tests.infra.conftest import CONTEXT, ON_LAMBDA, THIS_MACHINE, cdk_app

LAYER = f"/keyless/dev/layer/{THIS_MACHINE['runtime']}/{THIS_MACHINE['architecture']}"
ACCOUNT = "/keyless/dev/aws-bq-reader"
EXAMPLE = "keyless-bigquery-query-dev"
ROLES = "'orders-role', 'stock-role'"


def settings(**changed: Any) -> Settings:
    """The tests' settings for this machine's runtime, whose layer is built."""
    return Settings.from_context({**CONTEXT, **THIS_MACHINE, **changed})


def parameters(template: Template) -> dict[str, Any]:
    """The SSM parameters of a template, value by name."""
    found = template.find_resources("AWS::SSM::Parameter").values()
    return {parameter["Properties"]["Name"]: parameter["Properties"]["Value"] for parameter in found}


def outputs(template: Template) -> dict[str, Any]:
    """Its outputs, by where they say that the same value lies in SSM."""
    found = [output for output in template.find_outputs("*").values() if "SSM: " in output.get("Description", "")]
    return {output["Description"].partition("SSM: ")[2]: output["Value"] for output in found}


def conditions(template: Template) -> set[str]:
    """The attribute conditions of the template's providers."""
    found = template.find_resources("Custom::KeylessFederation").values()
    return {resource["Properties"]["Provider"]["Condition"] for resource in found}


@pytest.fixture(scope="module")
def layers() -> Template:
    """The stack that publishes the layer."""
    return Template.from_stack(KeylessLayerStack(cdk_app(), "keyless-layer-dev", settings=settings()))


def test_a_layers_arn_is_found_under_its_runtime_and_architecture(layers: Template) -> None:
    (layer,) = layers.find_resources("AWS::Lambda::LayerVersion")
    assert parameters(layers) == {LAYER: {"Ref": layer}}
    assert outputs(layers) == {LAYER: {"Ref": layer}}


def test_no_layer_that_was_published_is_ever_deleted(layers: Template) -> None:
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    layers.has_resource("AWS::Lambda::LayerVersion", kept)


def test_the_layer_is_published_for_every_target_that_is_asked_for() -> None:
    both = [f"python3.13/{architecture}" for architecture in ("arm64", "x86_64")]
    stack = KeylessLayerStack(cdk_app(), "keyless-layer-dev", settings=settings(layers=both))
    found = parameters(Template.from_stack(stack))
    assert set(found) == {LAYER, *(f"/keyless/dev/layer/{target}" for target in both)}


def test_what_an_account_publishes_is_what_the_layer_takes(template: Template) -> None:
    published = parameters(template)
    variables = json.loads(published[f"{ACCOUNT}/environment"])
    assert variables == {name: published[f"{ACCOUNT}/{name}"] for name in variables}
    assert set(published) == {f"{ACCOUNT}/{name}" for name in (*variables, "environment", "credentials")}
    attached = template.find_resources("AWS::Lambda::Function", {"Properties": {"FunctionName": EXAMPLE}})
    (function,) = attached.values()
    given = {
        name: value
        for name, value in function["Properties"]["Environment"]["Variables"].items()
        if name.startswith(("KEYLESS_", "GOOGLE_"))
    }
    assert Config.from_env({**variables, **ON_LAMBDA}) == Config.from_env({**given, **ON_LAMBDA})


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:1/{service}"])
def test_the_credential_configuration_says_the_same_as_the_variables(endpoint: str | None, tmp_path: Path) -> None:
    stack = BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings(google_endpoint=endpoint))
    published = parameters(Template.from_stack(stack))
    variables = json.loads(published[f"{ACCOUNT}/environment"])
    file = tmp_path / "credentials.json"
    file.write_text(published[f"{ACCOUNT}/credentials"])
    rest = {name: variables[name] for name in variables if name not in ("KEYLESS_AUDIENCE", "KEYLESS_SERVICE_ACCOUNT")}
    from_file = Config.from_env({**rest, **ON_LAMBDA, "GOOGLE_APPLICATION_CREDENTIALS": str(file)})
    assert from_file == Config.from_env({**variables, **ON_LAMBDA})


def test_outputs_repeat_what_the_parameters_hold(template: Template) -> None:
    published = parameters(template)
    assert outputs(template) == {
        f"{ACCOUNT}/{name}": published[f"{ACCOUNT}/{name}"] for name in ("environment", "credentials")
    }


def test_functions_elsewhere_are_let_in_by_role_and_no_others(template: Template) -> None:
    attach = ["orders-role/orders-one", "orders-role/orders-two", "stock-role/stock"]
    stack = BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings(attach=attach))
    (wider,), (before,) = conditions(Template.from_stack(stack)), conditions(template)
    assert wider == before.replace("'keyless-bigquery-query-dev-eu-west-1'", f"'{EXAMPLE}-eu-west-1', {ROLES}")


def test_a_function_elsewhere_whose_name_is_too_long_is_refused() -> None:
    attach = [f"{'r' * 64}/{'f' * 24}"]
    with pytest.raises(AttachError, match="Shorten the names by 1 bytes"):
        BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings(attach=attach))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("attach", "orders-role/orders"),
        ("attach", ["orders-role"]),
        ("attach", ["arn:aws:iam::111122223333:role/orders-role/orders"]),
        ("layers", ["python3.10/arm64"]),
        ("layers", {"python3.13/arm64": True}),
        ("layers", 313),
    ],
)
def test_a_malformed_list_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' is .* must be (a list, each item )?"):
        settings(**{name: value})


def test_the_page_about_attaching_names_what_is_published(template: Template, layers: Template) -> None:
    page = (ROOT / "docs" / "attach.md").read_text()
    names = re.findall(r"/keyless/STAGE/[\w/-]+", page)
    names = [
        re.sub("RUNTIME/ARCHITECTURE", LAYER.partition("layer/")[2], name.replace("STAGE", "dev")) for name in names
    ]
    assert len(names) == 4
    assert set(names) <= {*parameters(template), *parameters(layers)}


def test_the_page_about_attaching_leads_to_examples_that_are_there() -> None:
    page = (ROOT / "docs" / "attach.md").read_text()
    linked = set(re.findall(r"\]\(\.\./(examples/[^)]+)\)", page))
    assert linked == {str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.*") if is_source(path)}


def is_source(path: Path) -> bool:
    """Whether a file is one that we wrote, and not one that a tool left there."""
    return path.suffix in {".py", ".tf", ".sh", ".yaml"} and "__pycache__" not in path.parts


def test_the_sam_template_is_one_that_cloudformation_s_own_rules_accept() -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--regions", "eu-west-1", "--"]
    done = subprocess.run([*command, str(ROOT / "examples" / "sam" / "template.yaml")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
