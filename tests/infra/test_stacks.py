"""The example stack as a whole: what it means, and exactly what it is."""

import json
import re

import pytest
from aws_cdk.assertions import Match, Template
from keyless.config import Config
from syrupy.assertion import SnapshotAssertion

from keyless_cdk.settings import Settings
from stacks.app import BigQueryStack
from tests.infra.conftest import CONTEXT, ON_LAMBDA, THIS_MACHINE, cdk_app, masked


def test_requests_reach_a_published_version_that_is_kept_warm(template: Template) -> None:
    template.has_resource_properties(
        "AWS::Lambda::Alias",
        {"Name": "live", "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}},
    )


def test_logs_are_kept_for_a_month(template: Template) -> None:
    groups = template.find_resources("AWS::Logs::LogGroup")
    assert len(groups) == 2
    assert {group["Properties"]["RetentionInDays"] for group in groups.values()} == {30}


def test_no_key_and_no_secret_is_part_of_the_template(template: Template) -> None:
    template.resource_count_is("AWS::SecretsManager::Secret", 0)
    text = json.dumps(template.to_json())
    assert not re.search(r"private_key|BEGIN [A-Z ]*KEY|AKIA[A-Z0-9]{16}|ya29\.", text)


def test_the_layer_accepts_the_environment_of_every_function(template: Template) -> None:
    functions = template.find_resources("AWS::Lambda::Function").values()
    for function in functions:
        given = function["Properties"]["Environment"]["Variables"]
        config = Config.from_env({**given, **ON_LAMBDA})
        assert config is not None
        assert (config.audience, config.service_account) == (
            given["KEYLESS_AUDIENCE"],
            given["KEYLESS_SERVICE_ACCOUNT"],
        )
    assert len(functions) == 2


def test_provisioned_concurrency_can_be_switched_off() -> None:
    settings = Settings.from_context({**CONTEXT, **THIS_MACHINE, "provisioned_concurrency": 0})
    template = Template.from_stack(BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=settings))
    template.has_resource_properties("AWS::Lambda::Alias", {"ProvisionedConcurrencyConfig": Match.absent()})


def test_the_real_clouds_get_the_same_resources_for_python_3_13_on_arm64(
    template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # synth asks no cloud anything
    real = Template.from_stack(
        BigQueryStack(cdk_app(), "keyless-bigquery-dev", settings=Settings.from_context(CONTEXT))
    )
    real.all_resources_properties("AWS::Lambda::Function", {"Runtime": "python3.13", "Architectures": ["arm64"]})
    assert kinds(real) == kinds(template)


def test_the_template_changes_only_on_purpose(template: Template, snapshot: SnapshotAssertion) -> None:
    assert masked(template.to_json()) == snapshot


def kinds(template: Template) -> list[str]:
    """The types of all resources, sorted."""
    return sorted(resource["Type"] for resource in template.to_json()["Resources"].values())
