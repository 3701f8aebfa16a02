"""The command's environment: who it is to AWS stays, how it gets its Google token changes."""

import json
import os
from pathlib import Path

import pytest
from keyless.config import Config
from keyless.exec import credential_file
from keyless.exec.command_environment import AWS_KEYS, GOOGLE_BEFORE_THE_FILE, Served, conflicting_profiles, environment
from keyless.exec.metadata import Metadata

from tests.unit.google_server import ACCOUNT, GoogleServer

SERVED = Served(
    credential_file="/private/credentials.json",
    region="eu-central-1",
    container_url="http://127.0.0.1:1/secret/container",
    container_token="the-token",
)
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/x", "AWS_DEFAULT_REGION": "eu-central-1"}
STATIC = {"AWS_ACCESS_KEY_ID": "ASIAX", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "HOME": "/nonexistent"}


@pytest.fixture(autouse=True)
def _no_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def made(**environ: str) -> dict[str, str]:
    return environment(environ, "the-project", SERVED)


def test_the_file_the_project_and_the_region_are_there_under_all_their_names() -> None:
    found = made(**CONTAINER)
    assert found["GOOGLE_APPLICATION_CREDENTIALS"] == found["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"]
    assert found["GOOGLE_APPLICATION_CREDENTIALS"] == SERVED.credential_file
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        assert found[name] == "the-project"
    assert found["AWS_REGION"] == "eu-central-1"


def test_a_project_that_was_named_for_terraform_stays() -> None:
    assert made(**CONTAINER, GOOGLE_PROJECT="other")["GOOGLE_PROJECT"] == "other"


def test_everything_else_stays() -> None:
    assert made(**CONTAINER, TF_VAR_name="value", KEYLESS_AUDIENCE="a")["TF_VAR_name"] == "value"


def test_the_container_endpoint_stays_where_awss_sdks_find_it() -> None:
    found = made(**CONTAINER, AWS_SESSION_TOKEN="stray", AWS_PROFILE="state")
    assert found["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == "/v2/credentials/x"
    assert found["AWS_PROFILE"] == "state"
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in found
    assert not set(AWS_KEYS) & set(found)


def test_keys_move_behind_an_endpoint_and_nothing_comes_before_it() -> None:
    before = {name: "x" for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")}
    found = made(**STATIC, **CONTAINER, **before, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="/x")
    assert found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == SERVED.container_url
    assert found["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == SERVED.container_token
    gone = {*before, *AWS_KEYS, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"}
    assert not gone & set(found)


def test_other_credentials_for_google_do_not_win() -> None:
    assert not set(GOOGLE_BEFORE_THE_FILE) & set(made(**CONTAINER, **dict.fromkeys(GOOGLE_BEFORE_THE_FILE, "x")))


@pytest.mark.parametrize(
    ("content", "hidden"),
    [
        ("[default]\naws_access_key_id = x\n", True),
        ("[default]\nsso_session = x\nregion = y\n", True),
        ("[profile default]\nsso_session = x\n", True),
        ("[default]\nregion = y\n[profile\t'default']\nrole_arn = x\n", True),
        ("no section\n", True),
        ("[default]\nregion = eu-central-1\ns3 =\n  max_concurrent_requests = 1\n", False),
        ("[profile state]\nrole_arn = x\n", False),
        ("[sso-session default]\nsso_start_url = x\n", False),
        (None, False),
    ],
)
def test_a_default_profile_with_credentials_is_hidden_when_keys_came_before_it(
    tmp_path: Path, content: str | None, hidden: bool
) -> None:
    file = tmp_path / ".aws" / "config"
    file.parent.mkdir()
    if content:
        file.write_text(content)
    assert conflicting_profiles(STATIC) == ({"AWS_CONFIG_FILE": "~/.aws/config"} if hidden else {})
    assert made(**STATIC).get("AWS_CONFIG_FILE") == (os.devnull if hidden else None)
    assert conflicting_profiles(CONTAINER) == {}
    assert "AWS_CONFIG_FILE" not in made(**CONTAINER)


def test_the_file_that_a_variable_names_is_the_one_that_counts(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    file.write_text("[default]\ncredential_process = x\n")
    assert made(**STATIC, AWS_SHARED_CREDENTIALS_FILE=str(file))["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


@pytest.mark.parametrize(
    ("environ", "upper", "lower"),
    [
        ({}, None, None),
        ({"NO_PROXY": "a"}, "a", None),
        ({"HTTP_PROXY": "p"}, "127.0.0.1", "127.0.0.1"),
        ({"https_proxy": "p"}, "127.0.0.1", "127.0.0.1"),
        ({"all_proxy": "p", "no_proxy": "a,b"}, "a,b,127.0.0.1", "a,b,127.0.0.1"),
        ({"http_proxy": "p", "NO_PROXY": "a", "no_proxy": "b"}, "a,127.0.0.1", "b,127.0.0.1"),
        ({"http_proxy": "p", "NO_PROXY": "*"}, "*", None),
    ],
)
def test_no_proxy_is_asked_for_loopback(environ: dict[str, str], upper: str | None, lower: str | None) -> None:
    found = made(**CONTAINER, **environ)
    assert (found.get("NO_PROXY"), found.get("no_proxy")) == (upper, lower)


@pytest.mark.parametrize("account", [ACCOUNT, ""])
def test_the_file_is_one_that_keyless_reads_as_well(google: GoogleServer, tmp_path: Path, account: str) -> None:
    environ = google.environ(KEYLESS_SERVICE_ACCOUNT=account, KEYLESS_TOKEN_LIFETIME="1200")
    config = Config.require(environ)
    with Metadata(lambda: None, "eu-central-1") as server:  # type: ignore[arg-type,return-value]
        path = credential_file.write(tmp_path, config, server)
    content = json.loads(path.read_text())
    assert content["token_url"].startswith(google.endpoint.removesuffix("{service}"))
    if account:
        assert content["service_account_impersonation"] == {"token_lifetime_seconds": 1200}
    else:
        assert not [name for name in content if "impersonation" in name]
    without = {name: value for name, value in environ.items() if not name.startswith("KEYLESS_")}
    again = Config.require(without | {"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert (again.audience, again.service_account) == (config.audience, config.service_account)
    assert (again.token_url, again.impersonation_url) == (config.token_url, config.impersonation_url)
    assert content["credential_source"]["environment_id"] == "aws1"
