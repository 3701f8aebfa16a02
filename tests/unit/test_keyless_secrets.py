"""Nothing that may be a secret is repeated: it is planted in every variable, field and flag, and found nowhere."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from keyless.aws.container import supplier_for
from keyless.config import Config
from keyless.doctor import command, examine
from keyless.errors import KeylessError
from keyless.net.connections import connections_for
from keyless.net.transport import Request

from tests.unit.conftest import Ran
from tests.unit.google_server import ACCOUNT, AUDIENCE, GoogleServer

CORE = "Zq9Xw7Kp3Vt5"
LEAK = 5
"""Characters in a row of the core that no message may have: fewer may be the beginning that is shown."""

PLAIN = {"password": CORE, "number": "9073518246017", "path": f"/var/{CORE}", "several lines": f"a\n{CORE}"}
CREDENTIALS = {
    "access key": "AKIAZQ9XW7KP3VT5ABCD",
    "secret key": f"{CORE}/K7MDENG/bPxRfiCYEXAMPLEK{CORE[:4]}"[:40],
    "session token": f"IQoJb3JpZ2luX2Vj{CORE}//////////wE={CORE}",
    "Google token": f"ya29.a0AfB_{CORE}-{CORE}",
    "API key": f"AIzaSyD{CORE}{CORE}",
    "JWT": f"eyJhbGciOiJSUzI1NiJ9.{CORE}.{CORE}",
    "PEM": f"-----BEGIN PRIVATE KEY-----\n{CORE}\n-----END PRIVATE KEY-----",
    "JSON": json.dumps({"type": "service_account", "private_key": CORE}),
    "JSON list": json.dumps([CORE]),
    "GitHub's": f"ghp_{CORE}{CORE}",
}
SECRETS = {
    **PLAIN,
    **CREDENTIALS,
    "quoted": f'"{CORE}"',
    "user": f"https://user:{CORE}@example.com/{CORE}",
    "address": f"https://localhost:9/{CORE}?key={CORE}",
    "e-mail": f"{CORE}@example.com",
    "audience": f"//iam.googleapis.com/projects/{CORE}/locations/global/workloadIdentityPools/{CORE}/providers/x",
    "region": f"cn-{CORE}",
}
NAMES = ("KEYLESS_METRICS", "POWERTOOLS_SERVICE_NAME")
"""Are there to be printed: what is no credential by its form is taken for a name."""

VARIABLES = (
    *("KEYLESS_AUDIENCE", "KEYLESS_SERVICE_ACCOUNT", "KEYLESS_SCOPES", "KEYLESS_TOKEN_LIFETIME", "KEYLESS_DEADLINE"),
    *("KEYLESS_APIS", "KEYLESS_GOOGLE_ENDPOINT", "GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
)
FIELDS = (
    *("type", "audience", "subject_token_type", "token_url", "service_account_impersonation_url", "scopes"),
    *("service_account_impersonation", "universe_domain", "quota_project_id", "credential_source"),
    *("service_account_impersonation.token_lifetime_seconds", "credential_source.regional_cred_verification_url"),
)
FILE = {
    "type": "external_account",
    "audience": AUDIENCE,
    "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
    "service_account_impersonation_url": f"https://x/serviceAccounts/{ACCOUNT}:generateAccessToken",
}
MAY_BE = {"token_url": {"address"}, "type": {"service account"}}


def leaks(secret: str, text: str) -> list[str]:
    """The parts of the planted value that are in `text`, whatever became of its case."""
    text = text.casefold()
    core = "ZQ9XW7KP3VT5" if CORE.casefold() in secret.casefold() else secret
    parts = {core.casefold()[at : at + LEAK] for at in range(len(core) - LEAK + 1)}
    return sorted(part for part in parts if part in text)


def everything_said(environ: Mapping[str, str]) -> str:
    """What configuration, supplier and doctor say in this environment, with all that a traceback would show."""
    said = []
    try:
        config = Config.require(environ)
        supplier = supplier_for(environ)
        request = Request(connections_for(config))
        supplier.get_aws_region(None, request)
        supplier.get_aws_security_credentials(None, request)
    except KeylessError as error:
        said += [str(error), repr(error)]
    report = examine(environ, pauses=())
    said += [report.as_text(verbose=True), json.dumps(report.as_json())]
    return "\n".join(said)


def surroundings(google: GoogleServer) -> dict[str, str]:
    return {**google.environ(), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.mark.parametrize("variable", [*VARIABLES, *NAMES])
def test_a_secret_in_a_variable(variable: str, google: GoogleServer) -> None:
    environ = surroundings(google)
    if "CONTAINER" in variable:
        environ = {name: value for name, value in environ.items() if not name.startswith("AWS_") or "REGION" in name}
        environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:9/container"
    if variable == "GOOGLE_APPLICATION_CREDENTIALS":
        del environ["KEYLESS_AUDIENCE"]
    for name, secret in (CREDENTIALS if variable in NAMES else SECRETS).items():
        if variable.endswith("RELATIVE_URI") and secret.startswith("/"):
            continue  # a good one, which would be asked for on the real ECS's address
        assert leaks(secret, everything_said(environ | {variable: secret})) == [], name


@pytest.mark.parametrize("field", FIELDS)
def test_a_secret_in_a_field_of_the_credential_file(field: str, google: GoogleServer, tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    environ = surroundings(google) | {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    del environ["KEYLESS_AUDIENCE"], environ["KEYLESS_SERVICE_ACCOUNT"]
    outer, _, inner = field.partition(".")
    for name, secret in SECRETS.items():
        file.write_text(json.dumps(FILE | {outer: {inner: secret} if inner else secret}))
        said = everything_said(environ)
        assert leaks(secret, said) == [], name
        assert f"the field {inner or outer} of the file" in said or name in MAY_BE.get(field, ()), name
        assert "KEYLESS_AUDIENCE is missing" not in said, name


@pytest.mark.parametrize("arguments", [["--table", CORE], [f"--{CORE}"], [CORE], ["--json", "--table", f"a.{CORE}"]])
def test_a_secret_in_a_flag(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert leaks(CORE, capsys.readouterr().err) == []


@pytest.mark.parametrize("secret", CREDENTIALS.values(), ids=list(CREDENTIALS))
def test_a_secret_at_import_on_lambda_is_in_no_line(secret: str, google: GoogleServer, run: Callable[..., Ran]) -> None:
    environ = {**google.environ(), "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand"}
    wrong = dict.fromkeys(("KEYLESS_SERVICE_ACCOUNT", "KEYLESS_SCOPES", "POWERTOOLS_SERVICE_NAME"), secret)
    ran = run("import keyless", environ | wrong)
    assert ran.code == 1
    assert "ConfigurationError" in ran.err
    assert leaks(secret, ran.out + ran.err) == []


@pytest.mark.parametrize("secret", [CORE, SECRETS["JSON"]])
def test_a_secret_in_what_exec_says(secret: str, google: GoogleServer, run: Callable[..., Ran], tmp_path: Path) -> None:
    config = tmp_path / CORE
    config.write_text("[default]\nrole_arn = x\n")
    code = "import os, sys\nos.environ.pop('AWS_LAMBDA_INITIALIZATION_TYPE', 0)\nfrom keyless.__main__ import main\n"
    code += "sys.exit(main(['exec', '--', 'true']))"
    environ = google.environ()
    ran = run(code, environ | {"AWS_CONFIG_FILE": str(config)})
    assert "AWS_CONFIG_FILE" in ran.err
    refused = run(code, environ | {"KEYLESS_SERVICE_ACCOUNT": secret})
    assert refused.code == 125
    assert leaks(secret, ran.err + refused.err) == []
