"""What configuration errors say of a value: secrets are planted wherever a person may paste one, and never repeated."""

import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from keyless_cdk.grants import BucketGrant, ProjectGrant, ResourceGrant, ServiceAccountGrant, problems
from keyless_cdk.options import FederationOptions, OptionError
from keyless_cdk.scaling import BusinessHours, ScalingError
from keyless_cdk.settings import RULES, Settings, SettingsError
from keyless_cli.bootstrap import options
from keyless_cli.doctor.function_reference import FunctionReference
from keyless_federation.errors import PropertiesError
from keyless_federation.model import names
from keyless_federation.model.disclosure import described
from keyless_federation.model.federation import Federation
from keyless_federation.model.names import InvalidNameError
from tests.infra.context import CONTEXT
from tests.unit.test_federation_desired import with_changes

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
SECRETS = {
    "a key file": json.dumps({"key": PEM}),
    "a key in PEM form": PEM,
    "an AWS access key ID": "AKIA" + "IOSFODNN7EXAMPLE",
    "a secret key of AWS's": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "an access token": "ya29.a0AfH6SMBx-Zq",
    "a bearer token": "Bearer abcdef",
    "a JSON Web Token": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln",
    "a Google API key": "AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY",
    "a client secret": "GOCSPX-" + "abcdefgh1234",
    "a URL with a user in it": "https://user:hunter2@example.com",
    "hexadecimal": "0123456789abcdef" * 2,
    "a short random one": "x7Kq92LmPz04TbRv",
    "punctuation": "p4ss!w0rd#",
}
planted = pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)


def require_hidden(secret: str, said: object) -> None:
    """Fail where eight characters in a row of the secret are in the text."""
    text = str(said)
    assert text
    pieces = [secret[start : start + 8] for start in range(len(secret) - 7)]
    assert not [piece for piece in pieces if piece in text], text


@planted
@pytest.mark.parametrize("name", [*sorted(RULES), "google_endpoint", "adopt", "audit_logs"])
@pytest.mark.parametrize("inside", [lambda secret: secret, lambda secret: [secret], lambda secret: {"key": secret}])
def test_settings(secret: str, name: str, inside: Any) -> None:
    if name in RULES and RULES[name].accepts(inside(secret)):
        return  # it is a name as well
    with pytest.raises(SettingsError) as caught:
        Settings.from_context({**CONTEXT, name: inside(secret)})
    require_hidden(secret, caught.value)


@planted
def test_settings_that_are_a_secret_as_a_whole_or_by_name(secret: str) -> None:
    for context in (secret, {**CONTEXT, secret: "x"}, [secret]):
        with pytest.raises(SettingsError) as caught:
            Settings.from_context(context)
        require_hidden(secret, caught.value)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each text in the properties lies."""
    if isinstance(value, str):
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(inner, (*path, key))


def properties() -> dict[str, Any]:
    """Properties with a text in every place."""
    grants = [
        {"Role": "roles/a.b", "Project": "my-project", "Dataset": "sales", "Table": "orders"},
        {"Role": "roles/a.b", "Bucket": "exports", "Condition": {"Title": "t", "Expression": "true"}},
        {"Role": "roles/a.b", "ServiceAccount": CONTEXT["deployer_service_account"]},
        {"Role": "roles/a.b", "Resource": "//pubsub.googleapis.com/projects/my-project/topics/orders"},
    ]
    principal = "arn:aws:sts::111122223333:assumed-role/reader/function"
    account = {
        "Name": "aws-bq-reader",
        "DisplayName": "r",
        "AwsRoles": ["reader"],
        "AwsPrincipals": [principal],
        "Impersonation": ["roles/a.b"],
        "Grants": grants,
    }
    direct = [{"AwsRoles": ["reader"], "AwsPrincipals": [principal], "Grants": grants}]
    changes = {"Phase": "open", "Adopt": "true", "OnUnreachable": "leave", "AuditLogs": ["sts.googleapis.com"]}
    given: dict[str, Any] = with_changes(ServiceAccounts=[account], Direct=direct, **changes)
    return json.loads(json.dumps(given))  # type: ignore[no-any-return]


FREE = {"Description", "Mapping", "Title", "Expression", "Condition", "DisplayName", "Reconcile", "Table"}


@planted
@pytest.mark.parametrize("path", list(leaves(properties())), ids=lambda path: ".".join(map(str, path)))
def test_properties(secret: str, path: tuple[Any, ...]) -> None:
    given = properties()
    place: Any = given
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = secret
    try:
        Federation.from_properties(given)
    except PropertiesError as error:
        require_hidden(secret, error)
    else:
        assert FREE & set(path) or secret in PLAUSIBLE


PLAUSIBLE = {value for value in SECRETS.values() if value.replace("-", "").replace(".", "").isalnum()}
"""Those that are names as well: what a rule accepts is no error."""


@planted
def test_names_options_and_grants(secret: str) -> None:
    calls: list[tuple[Any, type[Exception]]] = [
        (lambda: FederationOptions(on_unreachable=secret), OptionError),  # type: ignore[arg-type]
        (lambda: FederationOptions(reconcile=secret), OptionError),  # type: ignore[arg-type]
        (lambda: BusinessHours.read(secret, 1), ScalingError),
        (lambda: names.pool_or_provider("pool", f"{secret}X"), InvalidNameError),
        (lambda: names.service_account(f"{secret}X"), InvalidNameError),
        (lambda: FunctionReference.parse(f"{secret}/"), ValueError),
    ]
    for call, kind in calls:
        with pytest.raises(kind) as caught:
            call()
        require_hidden(secret, caught.value)
    grants = [
        ProjectGrant(secret),
        ResourceGrant("r", secret),
        BucketGrant("r", f"{secret}/"),
        ServiceAccountGrant("r", secret),
    ]
    require_hidden(secret, problems(grants, "my-project", "here"))


FLAGS = ("--project", "--account", "--stage", "--region", "--identity-project", "--grantable-role", "--grants-on")


@planted
@pytest.mark.parametrize("flag", [*FLAGS, "--project-number", "--unknown", "--json", "--json=", "--gr="])
def test_flags_of_the_bootstrap(secret: str, flag: str) -> None:
    given = ["--project", "my-project", "--account", "111122223333", "--stage", "dev", "--region", "eu-west-1"]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit):
        options.parse("", [*given, *([flag + secret] if flag.endswith("=") else [flag, secret])])
    require_hidden(secret, said.getvalue())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ireland", "'Ireland'"),
        ("role\n", "a text of 5 characters with a line break (not shown)"),
        (PEM, f"what looks like a key in PEM form: a text of {len(PEM)} characters with a line break (not shown)"),
        ('{"type": 1}', "what looks like JSON: a text of 11 characters (not shown)"),
        (-1, "-1"),
        (True, "true"),
        (None, "a value of type NoneType (not shown)"),
        ([1, 2], "a list of 2 (not shown)"),
    ],
)
def test_a_plain_word_is_shown_and_anything_else_is_described(value: object, shown: str) -> None:
    assert described(value) == shown
