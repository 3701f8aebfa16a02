"""The layer's copies of the rules against the product's: over valid and nearly valid values, all say the same.

The layer may import nothing of `keyless_federation.model.rules`, so what synth accepts could be refused at start-up, or
the other way round. Each test asks every place that reads such a value.
"""

import argparse
from collections.abc import Callable
from contextlib import suppress
from unittest.mock import patch

import pytest
import requests
from hypothesis import assume, given
from hypothesis import strategies as st
from keyless import config as layer
from keyless import variables
from keyless.aws.environment import EnvironmentSupplier
from keyless.doctor import command, diagnosis
from keyless.errors import AwsCredentialsError, ConfigurationError

from keyless_cdk.settings import Settings, SettingsError
from keyless_federation.errors import PropertiesError
from keyless_federation.google.client import Google
from keyless_federation.model import rules
from keyless_federation.model.federation import Federation
from tests.unit.test_federation_desired import with_changes

CONTEXT = {
    "account": "111122223333",
    "region": "eu-west-1",
    "stage": "dev",
    "project": "my-project",
    "project_number": "472918365047",
    "deployer_audience": rules.audience("472918365047", "keyless-bootstrap", "aws-111122223333"),
    "deployer_service_account": "keyless-deployer@my-project.iam.gserviceaccount.com",
}
ENVIRONMENT = {
    "KEYLESS_AUDIENCE": rules.audience("472918365047", "keyless-dev", "demo"),
    "GOOGLE_CLOUD_PROJECT": "my-project",
}
ODD = "aZz09-._:/@#?%+ \t\n\\é٣Ａ１ſ"

PROJECTS = (
    "my-project",
    "abcdef",
    "a2345678901234567890123456789z",
    "example.com:my-project",
    "3m.co.uk:data-1",
    "12345678",
)
NUMBERS = ("472918365047", "1", "0")
IDS = ("keyless-dev", "demo", "abcd", "gcp-demo", "-a-1", "a2345678901234567890123456789012")
EMAILS = (
    "reader@my-project.iam.gserviceaccount.com",
    "reader@my-project.example.com.iam.gserviceaccount.com",
    "my-project@appspot.gserviceaccount.com",
    "my-project.example.com@appspot.gserviceaccount.com",
    "472918365047-compute@developer.gserviceaccount.com",
    "service-472918365047@gcp-sa-pubsub.iam.gserviceaccount.com",
    "472918365047@cloudbuild.gserviceaccount.com",
    "reader@example.com",
    "reader@gserviceaccount.com",
)
REGIONS = ("eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-east-10", "us-iso-b-1")
HOSTS = (
    *("{service}.googleapis.com", "{service}-psc.p.googleapis.com", "{service}.example.com:8443", "example.com"),
    *("127.0.0.1:8080/{service}", "127.0.0.2/{service}", "[::1]:1/{service}", "[::2]/{service}", "localhost/{service}"),
    *("0.0.0.0/{service}", "localhost.example.com/{service}", "127.1/{service}", "2130706433/{service}", "/{service}"),
    *("localhost:0/{service}", "localhost:65535/{service}", "localhost:65536/{service}", "{service}.example.com:0"),
    *(
        "user:secret@{service}.example.com",
        "user@localhost/{service}",
        "@localhost/{service}",
        "{service}@evil.example",
    ),
)
ENDPOINTS = tuple(
    f"{scheme}{host}" for scheme in ("https://", "http://", "HTTPS://", "ftp://", "//", "") for host in HOSTS
)
TABLES = (
    "sales.orders",
    "sales.orders-2026",
    "s.t",
    "sales.Bestellungen für 2026",
    "sales.a b",
    "sales-x.t",
    "sales.t`",
)


def nearly(*valid: str) -> st.SearchStrategy[str]:
    """Values of this kind, some of them with a mistake or two."""
    return st.builds(_mistaken, st.sampled_from(valid), st.lists(st.tuples(MISTAKES, st.integers(0, 200)), max_size=2))


MISTAKES: st.SearchStrategy[Callable[[str, int], str]] = st.one_of(
    st.sampled_from(ODD).map(lambda odd: lambda text, at: text[:at] + odd + text[at:]),
    st.sampled_from(ODD).map(lambda odd: lambda text, at: text[:at] + odd + text[at + 1 :]),
    st.just(lambda text, at: text[:at] + text[at + 1 :]),
    st.just(lambda text, at: text[:at] + text[at:].upper()),
    st.just(lambda text, at: text[:at] + text[at : at + 1] * 30 + text[at:]),
    st.sampled_from(["\n", " ", "/", ".", "@x"]).map(lambda end: lambda text, _: text + end),
)


def _mistaken(text: str, mistakes: list[tuple[Callable[[str, int], str], int]]) -> str:
    for mistake, at in mistakes:
        text = mistake(text, at % (len(text) + 1))
    return text


def synth_takes(name: str, value: str) -> bool:
    with suppress(SettingsError):
        Settings.from_context({**CONTEXT, name: value})
        return True
    return False


def handler_takes(**changes: object) -> bool:
    with suppress(PropertiesError):
        Federation.from_properties(with_changes(**changes))
        return True
    return False


def layer_takes(name: str, value: str) -> bool:
    with suppress(ConfigurationError):
        layer.Config.require({**ENVIRONMENT, name: value})
        return True
    return False


@given(nearly(*NUMBERS, "my-project"), nearly(*IDS), nearly(*IDS), nearly("//iam.googleapis.com/projects/"))
def test_an_audience(number: str, pool: str, provider: str, start: str) -> None:
    assume(number and pool and provider)
    made = rules.audience(number, pool, provider)
    assert synth_takes("deployer_audience", made) == handler_takes(
        ProjectNumber=number, Pool__Id=pool, Provider__Id=provider
    )
    for value in (made, made.replace("//iam.googleapis.com/projects/", start)):
        assert layer_takes("KEYLESS_AUDIENCE", value) == synth_takes("deployer_audience", value.strip())


@given(nearly(*EMAILS))
def test_the_address_of_a_service_account(value: str) -> None:
    assume(value.strip())
    grants = [{"Role": "roles/iam.serviceAccountUser", "ServiceAccount": value}]
    assert synth_takes("deployer_service_account", value) == handler_takes(ServiceAccounts=[account(Grants=grants)])
    taken = layer_takes("KEYLESS_SERVICE_ACCOUNT", value)
    assert taken == synth_takes("deployer_service_account", value.strip())
    if taken:
        assert diagnosis.project_of_email(value.strip()) == rules.project_of_email(value.strip())


@given(nearly(*PROJECTS))
def test_a_project(value: str) -> None:
    assume(value.strip())
    taken = synth_takes("project", value)
    assert taken == handler_takes(Project=value)
    assert layer_takes("GOOGLE_CLOUD_PROJECT", value) == synth_takes("project", value.strip())
    if taken:
        email = rules.service_account_email("aws-bq-reader", value)
        assert layer_takes("KEYLESS_SERVICE_ACCOUNT", email)
        assert synth_takes("deployer_service_account", email)
        assert diagnosis.project_of_email(email) == rules.project_of_email(email) == value


@given(nearly(*REGIONS))
def test_a_region(value: str) -> None:
    assume(value)
    taken = False
    with suppress(AwsCredentialsError):
        taken = EnvironmentSupplier({"AWS_REGION": value}).get_aws_region(None, None) == value
    assert taken == synth_takes("region", value)


@given(nearly(*ENDPOINTS))
def test_an_endpoint(value: str) -> None:
    assume(value.strip())
    taken = False
    with patch.dict("os.environ", KEYLESS_GOOGLE_ENDPOINT=value), suppress(ValueError):
        taken = Google.from_env(requests.Session(), seconds=1).endpoint == value
    assert taken == synth_takes("google_endpoint", value)
    assert layer_takes("KEYLESS_GOOGLE_ENDPOINT", value) == synth_takes("google_endpoint", value.strip())
    assert variables.is_safe(value) == rules.is_safe(value)


@given(nearly(*PROJECTS), nearly(*TABLES))
def test_a_table(project: str, table: str) -> None:
    taken = False
    with suppress(argparse.ArgumentTypeError):
        taken = command._table(f"{project}.{table}") == f"{project}.{table}"
    parts = table.split(".")
    assert taken == (
        len(parts) == 2
        and rules.PROJECT.accepts(project)
        and rules.DATASET.accepts(parts[0])
        and rules.TABLE.accepts(parts[1])
    )


@given(nearly("arn:aws:sts::111122223333:assumed-role/reader/session", "arn:aws:iam::111122223333:user/x"))
def test_the_arn_of_a_session(value: str) -> None:
    """The doctor reads longer ones as well, to tell that they are too long, and those of AWS's other partitions."""
    assume(value.startswith("arn:aws:"))
    read = diagnosis.ASSUMED_ROLE.fullmatch(value) is not None
    assert read == rules.AWS_PRINCIPAL.accepts(value) or len(value) > rules.MAX_SUBJECT_BYTES


@pytest.mark.parametrize(
    ("rule", "value", "taken"),
    [
        (rules.PROJECT, "123456789012", False),  # a number; the ID is wanted
        (rules.PROJECT, "a" * 31, False),
        (rules.PROJECT, "my-project-", False),
        (rules.PROJECT, "example.com:my-project", True),
        (rules.AUDIENCE, rules.audience("1", "gcp-pool", "demo"), False),  # Google keeps this prefix for itself
        (rules.EMAIL, "my-project.example.com@appspot.gserviceaccount.com", True),
        (rules.EMAIL, "Reader@my-project.iam.gserviceaccount.com", False),
        (rules.EMAIL, "serviceAccount:reader@my-project.iam.gserviceaccount.com", False),
        (rules.AWS_REGION, "cn-north-1", False),
        (rules.AWS_REGION, "us-gov-west-1", False),
        (rules.AWS_REGION, "us-isob-east-1", False),
        (rules.AWS_REGION, "eusc-de-east-1", False),  # its STS is in another domain
    ],
)
def test_what_was_decided_where_places_disagreed(rule: rules.Rule, value: str, taken: bool) -> None:
    assert rule.accepts(value) == taken


@pytest.mark.parametrize("host", ["user@{service}.example.com", "{service}.example.com:0", "{service}.exa mple.com"])
def test_an_endpoint_has_no_user_no_port_0_and_no_spaces(host: str) -> None:
    assert not rules.is_safe(f"https://{host}")
    assert not rules.is_safe(f"http://localhost:0/{host}")


def test_numbers_and_addresses_are_the_same() -> None:
    assert layer.GOOGLE_ENDPOINT == rules.GOOGLE_ENDPOINT
    assert diagnosis.MOST_BYTES == rules.MAX_SUBJECT_BYTES


@pytest.mark.parametrize("value", ["٣٦٠٠", "３６００", "3600.0", "+3600"])  # noqa: RUF001 -- digits elsewhere
def test_a_number_of_seconds_has_ascii_digits(value: str) -> None:
    assert not layer_takes("KEYLESS_TOKEN_LIFETIME", value)


def account(**more: object) -> dict[str, object]:
    """A service account among the properties."""
    return {"Name": "aws-bq-reader", "AwsRoles": ["reader"], **more}
