"""What the context may say, and what it is told when it is wrong."""

import json

import pytest

from keyless_cdk.settings import Settings, SettingsError
from tests.infra.conftest import CONTEXT


def test_the_command_line_gives_the_same_settings_as_the_context_file() -> None:
    assert Settings.from_context(json.dumps(CONTEXT)) == Settings.from_context(CONTEXT)


def test_real_clouds_get_python_3_13_on_arm64_and_public_endpoints() -> None:
    settings = Settings.from_context(CONTEXT)
    assert (settings.runtime, settings.architecture, settings.google_endpoint) == ("python3.13", "arm64", None)


def test_an_absent_context_names_the_command_that_makes_it() -> None:
    with pytest.raises(SettingsError, match=r"is not set\. Run `keyless bootstrap`"):
        Settings.from_context(None)


def test_every_problem_is_named_at_once() -> None:
    wrong = {**CONTEXT, "account": "1234", "project_number": "my-project", "acount": "1"}
    del wrong["stage"]
    with pytest.raises(SettingsError) as caught:
        Settings.from_context(wrong)
    for expected in ("'acount' is not a setting", "'stage' is missing", "'account' is '1234'", "digits only"):
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "Ireland"),
        ("region", "us-gov-west-1"),
        ("region", "cn-north-1"),
        ("region", "us-iso-east-1"),
        ("stage", "tencharact"),
        ("runtime", "python3.10"),
        ("architecture", "aarch64"),
        ("provisioned_concurrency", -1),
        ("google_endpoint", "https://restricted.example"),
        ("deployer_audience", "//iam.googleapis.com/projects/my-project/locations/global/..."),
    ],
)
def test_a_malformed_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' is "):
        Settings.from_context({**CONTEXT, name: value})
