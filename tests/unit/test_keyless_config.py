"""The environment becomes a Config, or one error that names everything that is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from keyless.config import Config
from keyless.credentials import Credentials
from keyless.errors import ConfigurationError

from tests.unit.google_server import ACCOUNT, AUDIENCE

AUTH = "https://www.googleapis.com/auth/"
STS = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
IMPERSONATION = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
WHOLE = {"KEYLESS_AUDIENCE": AUDIENCE, "GOOGLE_CLOUD_PROJECT": "example-project"}


def problems(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Config.from_env(environ)
    return str(caught.value)


def external_account(folder: Path, **more: Any) -> dict[str, str]:
    content = {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "service_account_impersonation_url": IMPERSONATION,
        "service_account_impersonation": {"token_lifetime_seconds": 1800},
        "credential_source": {"environment_id": "aws1", "url": "http://169.254.169.254/never-asked"},
    } | more
    path = folder / "credentials.json"
    path.write_text(json.dumps(content))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(path), "GOOGLE_CLOUD_PROJECT": "example-project"}


def test_nothing_of_keyless_is_no_configuration() -> None:
    assert Config.from_env({"PATH": "/bin", "GOOGLE_CLOUD_PROJECT": "p", "AWS_REGION": "eu-central-1"}) is None


def test_audience_and_project_are_a_whole_configuration_with_direct_access() -> None:
    config = Config.from_env(WHOLE)
    assert config == Config(audience=AUDIENCE, project="example-project")
    assert config.service_account is None
    assert config.impersonation_url is None
    assert config.token_url == "https://sts.googleapis.com/v1/token"
    assert config.urls() == ("https://sts.googleapis.com/v1/token",)


def test_every_setting_is_read() -> None:
    config = Config.require(
        WHOLE
        | {
            "KEYLESS_SERVICE_ACCOUNT": ACCOUNT,
            "KEYLESS_SCOPES": "https://www.googleapis.com/auth/bigquery, https://www.googleapis.com/auth/drive",
            "KEYLESS_TOKEN_LIFETIME": "43200",
            "KEYLESS_DEADLINE": "20",
            "KEYLESS_METRICS": "Shop/Keyless",
            "POWERTOOLS_SERVICE_NAME": "orders",
            "KEYLESS_APIS": "bigquery storage",
            "KEYLESS_GOOGLE_ENDPOINT": "https://{service}-example.p.googleapis.com/",
            "HTTPS_PROXY": "http://proxy.example:3128",
        }
    )
    assert config.service_account == ACCOUNT
    assert config.scopes == (
        "https://www.googleapis.com/auth/bigquery",
        "https://www.googleapis.com/auth/drive",
    )
    assert config.token_lifetime == 43200
    assert (config.deadline, config.service) == (20, "orders")
    assert config.metrics is None  # not on Lambda
    assert config.proxy == "http://proxy.example:3128"
    assert config.endpoint("bigquery") == "https://bigquery-example.p.googleapis.com"
    assert config.urls() == (
        "https://sts-example.p.googleapis.com/v1/token",
        f"https://iamcredentials-example.p.googleapis.com/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken",
        "https://bigquery-example.p.googleapis.com",
        "https://storage-example.p.googleapis.com",
    )


def test_missing_variables_are_all_named_at_once() -> None:
    message = problems({"KEYLESS_SERVICE_ACCOUNT": ACCOUNT, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"})
    assert "KEYLESS_AUDIENCE is missing" in message
    assert "GOOGLE_CLOUD_PROJECT is missing" in message
    assert "AWS_REGION is missing" in message


def test_the_region_is_asked_for_on_lambda_only() -> None:
    assert Config.from_env(WHOLE) is not None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KEYLESS_AUDIENCE", AUDIENCE.replace("123456789012", "my-project"), "--format='value(projectNumber)'"),
        ("KEYLESS_AUDIENCE", "https:" + AUDIENCE, "must have the form //iam.googleapis.com/projects/NUMBER/"),
        (
            "KEYLESS_SERVICE_ACCOUNT",
            "reader",
            "must be the e-mail address of a service account, not a text of 6 characters that begins with 'read'",
        ),
        ("KEYLESS_TOKEN_LIFETIME", "599", "must be 600 to 43200 seconds, not '599'"),
        ("KEYLESS_TOKEN_LIFETIME", "43201", "must be 600 to 43200"),
        ("KEYLESS_TOKEN_LIFETIME", "an hour", "not a text of 7 characters"),
        ("KEYLESS_DEADLINE", "0", "KEYLESS_DEADLINE must be 1 to 100 seconds, not '0'"),
        ("KEYLESS_DEADLINE", "101", "not '101'"),
        ("KEYLESS_METRICS", "two words", "must be off or a CloudWatch namespace"),
        ("KEYLESS_METRICS", "AWS/Lambda", "must be off or a CloudWatch namespace"),
        ("KEYLESS_GOOGLE_ENDPOINT", "https://example.com", "must contain {service}"),
        ("KEYLESS_GOOGLE_ENDPOINT", "http://{service}.example.com", "plain http is for loopback addresses only"),
        ("KEYLESS_GOOGLE_ENDPOINT", "http://127.0.0.1.example.com/{service}", "must be https"),
        ("KEYLESS_GOOGLE_ENDPOINT", "https://{service}.example.com:port", "must be https"),
        ("KEYLESS_GOOGLE_ENDPOINT", "file:///{service}", "must be https"),
        ("KEYLESS_GOOGLE_ENDPOINT", "https:///{service}", "must be https"),
        ("KEYLESS_GOOGLE_ENDPOINT", "https://{service}.example.com:0", "must be https"),
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE names a file that does not exist (a path of 13 characters)"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_should_be(variable: str, value: str, said: str) -> None:
    assert said in problems(WHOLE | {variable: value})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_plain_http_is_taken_on_loopback(host: str) -> None:
    config = Config.require(WHOLE | {"KEYLESS_GOOGLE_ENDPOINT": f"http://{host}/{{service}}"})
    assert config.token_url == f"http://{host}/sts/v1/token"


def test_an_external_account_file_works_instead_of_the_variables(tmp_path: Path) -> None:
    config = Config.require(external_account(tmp_path))
    assert (config.audience, config.service_account, config.token_lifetime) == (AUDIENCE, ACCOUNT, 1800)
    assert config.impersonation_url
    assert config.impersonation_url.startswith("https://iamcredentials.googleapis.com/")


def test_variables_win_over_what_the_file_says(tmp_path: Path) -> None:
    other = "other@example-project.iam.gserviceaccount.com"
    variables = {"KEYLESS_TOKEN_LIFETIME": "900", "KEYLESS_SERVICE_ACCOUNT": other}
    config = Config.require(external_account(tmp_path) | variables)
    assert (config.token_lifetime, config.service_account) == (900, other)
    assert config.impersonation_url
    assert f"/serviceAccounts/{other}:" in config.impersonation_url


def test_an_external_account_file_without_impersonation_is_direct_access(tmp_path: Path) -> None:
    assert Config.require(external_account(tmp_path, service_account_impersonation_url=None)).service_account is None


def test_a_service_account_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    message = problems(external_account(tmp_path, type="service_account", private_key="-----BEGIN PRIVATE KEY-----"))
    assert "holds a service-account key" in message
    assert "revoke it" in message
    assert "BEGIN" not in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "authorized_user"}, "type of the file in {} must be external_account, not 'authorized_user'"),
        ({"type": "impersonated_service_account"}, "not 'impersonated_service_account'"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}, "is not for AWS"),
        ({"service_account_impersonation_url": "https://x/y"}, "not an address of 11 characters"),
        ({"service_account_impersonation_url": IMPERSONATION.replace("AccessToken", "IdToken")}, "makes ID tokens"),
        ({"service_account_impersonation_url": IMPERSONATION.replace(ACCOUNT, "1045678901")}, "its unique ID will not"),
        ({"service_account_impersonation_url": IMPERSONATION.replace(".goog", ".us-east1.rep.goog")}, "is a regional"),
        ({"token_url": "http://sts.example.com/v1/token"}, "field token_url of the file in {} must be https"),
        ({"token_url": ["x"]}, "the field token_url of the file in {} must be a text, not a list"),
        ({"audience": None}, "the field audience of the file in {} is missing"),
        ({"audience": f"https:{AUDIENCE}"}, "write it without https:"),
        ({"audience": AUDIENCE[len("//iam.googleapis.com/") :]}, "begin it with //iam.googleapis.com/"),
        ({"audience": f"{AUDIENCE}/"}, "the / at the end"),
        ({"audience": "//iam.googleapis.com/locations/global/workforcePools/p/providers/q"}, "workload identity pool"),
        ({"audience": AUDIENCE.replace("123456789012", "my-project")}, "audience of the file in {} names the project"),
        ({"universe_domain": "example.goog"}, "must be googleapis.com, the only universe"),
        ({"quota_project_id": "123"}, "quota_project_id of the file in {} must be the ID of a project"),
        ({"scopes": ["cloud-platform"]}, "write https://www.googleapis.com/auth/cloud-platform"),
        ({"service_account_impersonation": {"token_lifetime_seconds": 86400}}, "token_lifetime_seconds of the file in"),
        ({"service_account_impersonation": {"token_lifetime_seconds": True}}, "seconds, not a truth value"),
        ({"service_account_impersonation": "x"}, "must be an object"),
        ({"credential_source": {"regional_cred_verification_url": STS.replace("sts.", "sts-fips.")}}, "FIPS"),
        ({"credential_source": {"regional_cred_verification_url": STS.replace("GetC", "Get")}}, "Google asks no other"),
    ],
)
def test_a_file_that_cannot_work_says_why(tmp_path: Path, change: dict[str, str], said: str) -> None:
    message = problems(external_account(tmp_path, **change))
    assert said.format("GOOGLE_APPLICATION_CREDENTIALS") in message
    assert "KEYLESS_" not in message  # no variable that nobody has set


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (None, None),
        (STS, None),
        (STS.replace(".com", ".com/"), None),
        ("https://sts.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15", "us-east-1"),
        (STS.replace("{region}", "eu-central-1"), "eu-central-1"),
    ],
)
def test_the_files_verification_url_says_whose_sts_vouches(tmp_path: Path, url: str, region: str | None) -> None:
    source = {"regional_cred_verification_url": url}
    assert Config.require(external_account(tmp_path, credential_source=source)).sts_region == region


def test_the_files_other_fields_are_honoured(tmp_path: Path) -> None:
    more = {"quota_project_id": "billing-project", "scopes": [f"{AUTH}bigquery"], "universe_domain": "googleapis.com"}
    lifetime = {"service_account_impersonation": {"token_lifetime_seconds": "7200"}}
    config = Config.require(external_account(tmp_path, **more, **lifetime))
    assert (config.quota_project, config.scopes, config.token_lifetime) == (
        "billing-project", (f"{AUTH}bigquery",), 7200,
    )  # fmt: skip
    assert Credentials(config).quota_project_id == "billing-project"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    environ = external_account(tmp_path)
    path = tmp_path / "credentials.json"
    path.write_text(path.read_text(), encoding=encoding)
    assert Config.require(environ).audience == AUDIENCE


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path: Path, encoding: str) -> None:
    environ = external_account(tmp_path)
    path = tmp_path / "credentials.json"
    path.write_text(path.read_text(), encoding=encoding)
    assert "PowerShell's > writes UTF-16" in problems(environ)


@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("KEYLESS_SCOPES", "cloud-platform", "write https://www.googleapis.com/auth/cloud-platform"),
        ("KEYLESS_SCOPES", "storage-ro", "write https://www.googleapis.com/auth/devstorage.read_only"),
        ("KEYLESS_SCOPES", f'["{AUTH}bigquery"]', "no JSON list"),
        ("KEYLESS_SCOPES", "https://example.com/scope", "must hold the addresses of scopes"),
        ("KEYLESS_SERVICE_ACCOUNT", f'"{ACCOUNT}', "without the quotation marks"),
        ("KEYLESS_SERVICE_ACCOUNT", f"serviceAccount:{ACCOUNT}", "without serviceAccount:"),
        ("KEYLESS_SERVICE_ACCOUNT", "reader@example.com", "its domain ends in gserviceaccount.com"),
        ("GOOGLE_CLOUD_PROJECT", "123456789012", "prints the ID for this number"),
        ("KEYLESS_APIS", "BigQuery", "must hold names of APIs such as bigquery"),
        ("HTTPS_PROXY", "socks5://proxy.example.com:1080", "must be the address of a proxy"),
        ("HTTPS_PROXY", "hunter2", "must be the address of a proxy"),
        ("KEYLESS_TOKEN_LIFETIME", "9" * 5000, "not a number of 5000 characters"),
    ],
)
def test_a_common_mistake_gets_its_own_advice(variable: str, value: str, advice: str) -> None:
    assert advice in problems(WHOLE | {variable: value})


def test_a_regional_endpoint_is_refused_where_an_account_is_impersonated() -> None:
    endpoint = {"KEYLESS_GOOGLE_ENDPOINT": "https://{service}.europe-west1.rep.googleapis.com"}
    assert Config.require(WHOLE | endpoint).token_url == "https://sts.europe-west1.rep.googleapis.com/v1/token"
    message = problems(WHOLE | endpoint | {"KEYLESS_SERVICE_ACCOUNT": ACCOUNT})
    assert "KEYLESS_GOOGLE_ENDPOINT is a regional endpoint" in message
    assert "use direct access" in message


def test_what_there_is_of_a_missing_path_is_shown(tmp_path: Path) -> None:
    message = problems({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "none.json")})
    assert f"of it {tmp_path} exists" in message
    assert "none.json" not in message


def test_a_proxys_password_is_not_shown() -> None:
    assert "pass" not in repr(Config.require(WHOLE | {"HTTPS_PROXY": "http://user:pass@proxy.example"}))


def test_an_unreadable_file_says_so_without_its_content(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"private_key": secret')
    assert "holds no JSON" in problems({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    path.write_text("[" * 100_000)
    assert "holds no JSON" in problems({"GOOGLE_APPLICATION_CREDENTIALS": str(path)})
    assert "Is a directory" in problems({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path)})
