"""The exchange against an AWS that verifies signatures: each link broken once, and whole."""

import json
import urllib.parse
from collections.abc import Iterator

import boto3
import pytest
from botocore.credentials import Credentials

from local.google.cloud import Cloud
from tests.local.google_fixtures import (
    ACCOUNT,
    AUDIENCE,
    MAPPING,
    POOL_NAME,
    POOLS,
    PROJECT,
    REGION,
    InProcess,
    Json,
    aws,
    in_process,
    signed,
    with_header,
)

PROVIDER = f"{POOLS}/aws-pool/providers/aws-provider"
ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader-role/fn"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with aws(tmp_path_factory.mktemp("aws")) as address:
        yield address


@pytest.fixture(scope="module")
def sessions(endpoint: str) -> dict[str, Credentials]:
    """Real temporary credentials of two roles, and of one whose subject is too long."""
    made = {}
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    iam = boto3.client("iam", endpoint_url=endpoint, **keys)
    sts = boto3.client("sts", endpoint_url=endpoint, **keys)
    for role, session in (("reader-role", "fn"), ("other-role", "fn"), ("reader-role-" + "x" * 40, "f" * 64)):
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        given = sts.assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
        made[role] = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return made


@pytest.fixture
def google(endpoint: str) -> InProcess:
    google = in_process(aws_endpoint=endpoint)
    google.pool()
    return google


@pytest.fixture
def reader(sessions: dict[str, Credentials]) -> Credentials:
    return sessions["reader-role"]


def refused(google: InProcess, error: str, request: Json, **changed: str) -> str:
    answer = google.exchange(request, **changed)
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    description: str = answer.json()["error_description"]
    return description


@pytest.mark.parametrize("sign_audience", [True, False])
def test_a_whole_chain_gives_a_federated_token(google: InProcess, reader: Credentials, sign_audience: bool) -> None:
    answer = google.exchange(signed(reader, sign_audience=sign_audience))
    assert answer.status_code == 200
    token = answer.json()
    assert token["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert token["token_type"] == "Bearer"
    assert 0 < token["expires_in"] <= 3600
    assert len(token["access_token"]) <= 12288
    google.grant("roles/browser", f"principal://iam.googleapis.com/{POOL_NAME}/subject/{ARN}")
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token["access_token"])


def test_an_exchanged_token_ends_with_its_pool(google: InProcess, reader: Credentials) -> None:
    google.grant("roles/browser", f"principalSet://iam.googleapis.com/{POOL_NAME}/*")
    token = google.exchange(signed(reader)).json()["access_token"]
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)
    google.ok("DELETE", f"{POOLS}/aws-pool")
    google.refused(401, "UNAUTHENTICATED", "GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)


def test_the_audit_log_names_the_arn_and_repeats_nothing_signed(google: InProcess, reader: Credentials) -> None:
    request = signed(reader)
    token = google.exchange(request).json()["access_token"]
    entry = google.audit()[-1]
    assert entry["method"] == "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
    assert entry["aws_arn"] == ARN
    assert entry["principal"] == f"principal://iam.googleapis.com/{POOL_NAME}/subject/{ARN}"
    assert entry["resource"] == f"{POOL_NAME}/providers/aws-provider"
    signature = next(h["value"] for h in request["headers"] if h["key"] == "Authorization").rpartition("=")[2]
    for secret in (token, signature, reader.access_key, reader.token):
        assert secret not in json.dumps(google.audit())


def test_parameters_may_come_as_json_as_in_googles_examples(google: InProcess, reader: Credentials) -> None:
    body = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": AUDIENCE,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectTokenType": "urn:ietf:params:aws:token-type:aws4_request",
        "subjectToken": urllib.parse.quote(json.dumps(signed(reader))),
    }
    assert google.http.post("/sts/v1/token", json=body).status_code == 200


def test_a_tampered_signature_is_refused(google: InProcess, reader: Credentials) -> None:
    request = signed(reader)
    authorization = next(h["value"] for h in request["headers"] if h["key"] == "Authorization")
    tampered = authorization[:-1] + ("0" if authorization[-1] != "0" else "1")
    refused(google, "invalid_grant", with_header(request, "authorization", tampered))


def test_a_secret_that_is_not_the_sessions_is_refused(google: InProcess, reader: Credentials) -> None:
    refused(google, "invalid_grant", signed(Credentials(reader.access_key, "x" * 40, reader.token)))


def test_a_session_token_of_another_role_is_refused(google: InProcess, sessions: dict[str, Credentials]) -> None:
    reader, other = sessions["reader-role"], sessions["other-role"]
    refused(google, "invalid_grant", signed(Credentials(reader.access_key, reader.secret_key, other.token)))


def test_an_old_request_is_refused(google: InProcess, reader: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    import botocore.auth

    old = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: old.replace(tzinfo=None))
    refused(google, "invalid_grant", signed(reader))


@pytest.mark.parametrize("sign_audience", [True, False])
def test_header_and_audience_swapped_singly_are_refused(
    google: InProcess, reader: Credentials, sign_audience: bool
) -> None:
    other = AUDIENCE.replace("aws-provider", "twin-provider")
    request = signed(reader, sign_audience=sign_audience)
    twin = {"aws": {"accountId": ACCOUNT}}
    google.ok("POST", f"{POOLS}/aws-pool/providers?workloadIdentityPoolProviderId=twin-provider", twin)
    refused(google, "invalid_grant", request, audience=other)
    refused(google, "invalid_grant", with_header(request, "x-goog-cloud-target-resource", other))


def test_header_and_audience_swapped_together_are_refused_only_when_the_header_is_signed(
    google: InProcess, reader: Credentials
) -> None:
    other = AUDIENCE.replace("aws-provider", "twin-provider")
    twin = {"aws": {"accountId": ACCOUNT}}
    google.ok("POST", f"{POOLS}/aws-pool/providers?workloadIdentityPoolProviderId=twin-provider", twin)

    def swapped(request: Json) -> Json:
        return with_header(request, "x-goog-cloud-target-resource", other)

    refused(google, "invalid_grant", swapped(signed(reader)), audience=other)
    assert google.exchange(swapped(signed(reader, sign_audience=False)), audience=other).status_code == 200


@pytest.mark.parametrize("key", ["ASIAQQQQQQQQQQQQQQQQ", "AKIAQQQQQQQQQQQQQQQQ", "garbage"])
def test_keys_that_aws_never_gave_out_are_refused(google: InProcess, reader: Credentials, key: str) -> None:
    refused(google, "invalid_grant", signed(Credentials(key, "x" * 40, reader.token)))
    refused(google, "invalid_grant", signed(Credentials(key, "x" * 40)))


@pytest.mark.parametrize("key", ["test", "999999999999"])
def test_root_keys_are_refused_because_nobody_verified_them(google: InProcess, key: str) -> None:
    assert "root" in refused(google, "invalid_grant", signed(Credentials(key, "anything")))


def test_another_account_is_refused(google: InProcess, reader: Credentials) -> None:
    google.ok("PATCH", f"{PROVIDER}?updateMask=aws.accountId", {"aws": {"accountId": "210987654321"}})
    refused(google, "invalid_grant", signed(reader))


def test_a_role_outside_the_condition_is_refused_in_googles_words(
    google: InProcess, sessions: dict[str, Credentials]
) -> None:
    description = refused(google, "unauthorized_client", signed(sessions["other-role"]))
    assert description == "The given credential is rejected by the attribute condition."
    assert "other-role" in google.audit()[-1]["reason"]


def test_a_condition_without_a_value_admits_nobody(google: InProcess, reader: Credentials) -> None:
    body = {"attributeCondition": "attribute.missing == 'x'"}
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeCondition", body)
    refused(google, "unauthorized_client", signed(reader))


def test_a_subject_over_127_bytes_is_refused_in_googles_words(
    google: InProcess, sessions: dict[str, Credentials]
) -> None:
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeCondition", {"attributeCondition": "true"})
    long = next(credentials for role, credentials in sessions.items() if len(role) > 40)
    description = refused(google, "invalid_request", signed(long))
    assert description.startswith("The size of mapped attribute google.subject exceeds the 127 bytes limit.")


@pytest.mark.parametrize(
    "broken", ["disabled provider", "disabled pool", "deleted provider", "deleted pool", "no provider"]
)
def test_a_provider_that_cannot_be_used_is_an_invalid_target(
    google: InProcess, reader: Credentials, broken: str
) -> None:
    pool, path = f"{POOLS}/aws-pool", PROVIDER if "provider" in broken else f"{POOLS}/aws-pool"
    if broken.startswith("disabled"):
        google.ok("PATCH", f"{path}?updateMask=disabled", {"disabled": True})
    elif broken.startswith("deleted"):
        google.ok("DELETE", path)
    audience = AUDIENCE.replace("aws-provider", "none") if broken == "no provider" else AUDIENCE
    description = refused(google, "invalid_target", signed(reader, audience=audience), audience=audience)
    assert description.startswith('The target service indicated by the "audience" parameters is invalid.')
    if "deleted" in broken:
        google.ok("POST", f"{PROVIDER if 'provider' in broken else pool}:undelete", {})
        assert google.exchange(signed(reader)).status_code == 200


def test_the_projects_id_in_place_of_its_number_is_an_invalid_target(google: InProcess, reader: Credentials) -> None:
    audience = AUDIENCE.replace(POOL_NAME.split("/")[1], PROJECT)
    refused(google, "invalid_target", signed(reader, audience=audience), audience=audience)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("grant_type", "", "unsupported_grant_type"),
        ("grant_type", "authorization_code", "unsupported_grant_type"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt", "invalid_request"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt", "invalid_request"),
        ("audience", "", "invalid_request"),
        ("audience", AUDIENCE.removeprefix("//"), "invalid_request"),
        ("audience", f"{AUDIENCE}/", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", "everything", "invalid_scope"),
        ("subject_token", "", "invalid_grant"),
        ("subject_token", "garbage", "invalid_grant"),
    ],
)
def test_a_malformed_exchange_is_refused(
    google: InProcess, reader: Credentials, name: str, value: str, error: str
) -> None:
    refused(google, error, signed(reader), **{name: value})


def test_an_api_that_is_not_enabled_does_not_exchange(google: InProcess, reader: Credentials) -> None:
    google.ok("POST", f"/serviceusage/v1/projects/{PROJECT}/services/sts.googleapis.com:disable", {})
    assert google.exchange(signed(reader)).status_code == 403


def test_a_provider_without_a_mapping_gets_googles_default(google: InProcess, reader: Credentials) -> None:
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeMapping,attributeCondition", {})
    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader-role"
    google.grant("roles/browser", f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/{role}")
    token = google.exchange(signed(reader)).json()["access_token"]
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)


def test_mapped_groups_are_principal_sets(google: InProcess, reader: Credentials) -> None:
    body = {"attributeMapping": MAPPING | {"google.groups": "assertion.arn.split('/')"}}
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeMapping,attributeCondition", body)
    google.grant("roles/browser", f"principalSet://iam.googleapis.com/{POOL_NAME}/group/reader-role")
    token = google.exchange(signed(reader)).json()["access_token"]
    google.ok("GET", f"/cloudresourcemanager/v1/projects/{PROJECT}", token=token)


def test_attributes_over_8_kb_are_refused(google: InProcess, reader: Credentials) -> None:
    mapping = MAPPING | {f"attribute.k{number}": "'" + "x" * 2000 + "'" for number in range(5)}
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeMapping", {"attributeMapping": mapping})
    assert "8192 bytes" in refused(google, "invalid_request", signed(reader))


def test_the_state_of_the_cloud_holds_no_token(google: InProcess, reader: Credentials) -> None:
    token = google.exchange(signed(reader)).json()["access_token"]
    assert isinstance(google.cloud, Cloud)
    assert token not in repr(google.cloud.tokens.__dict__)
