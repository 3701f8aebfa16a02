"""The loopback server: what it says to those who know its path, and that it says nothing to anybody else."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import requests
from google.auth.aws import AwsSecurityCredentials
from keyless import failures
from keyless.errors import AwsCredentialsError
from keyless.exec.metadata import Metadata


@dataclass
class Keys:
    """Credentials that change, or fail."""

    current: AwsSecurityCredentials | AwsCredentialsError = field(
        default_factory=lambda: AwsSecurityCredentials("ASIAONE", "secret-one", "token-one")
    )

    def __call__(self) -> AwsSecurityCredentials:
        if isinstance(self.current, AwsCredentialsError):
            raise self.current
        return self.current


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def server(keys: Keys) -> Iterator[Metadata]:
    with Metadata(keys, "eu-central-1") as server:
        yield server


@pytest.fixture
def session(server: Metadata) -> dict[str, str]:
    """The header of a session, obtained as IMDSv2 has it."""
    answer = requests.put(server.session_token_url, headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"}, timeout=60)
    return {"X-aws-ec2-metadata-token": answer.text}


def test_it_is_shaped_like_ec2s_metadata(server: Metadata, session: dict[str, str], keys: Keys) -> None:
    assert requests.get(server.region_url, headers=session, timeout=60).text[:-1] == "eu-central-1"
    role = requests.get(server.credentials_url, headers=session, timeout=60).text
    for number in ("ONE", "TWO"):
        keys.current = AwsSecurityCredentials(f"ASIA{number}", "secret", "token")
        found = requests.get(f"{server.credentials_url}/{role}", headers=session, timeout=60).json()
        assert found == {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": "secret", "Token": "token"}


def test_a_users_keys_have_no_token_to_be_signed(server: Metadata, session: dict[str, str], keys: Keys) -> None:
    keys.current = AwsSecurityCredentials("AKIA", "secret", None)
    found = requests.get(f"{server.credentials_url}/keyless", headers=session, timeout=60).json()
    assert "Token" not in found


@pytest.mark.parametrize("ends", ["", "2030-01-01T00:00:00Z"])
def test_it_is_a_container_endpoint_too(keys: Keys, ends: str) -> None:
    keys.current = AwsSecurityCredentials("AKIA", "secret", None)
    with Metadata(keys, "eu-central-1", ends) as server:
        headers = {"Authorization": server.container_token}
        found = requests.get(server.container_url, headers=headers, timeout=60).json()
    assert (found["AccessKeyId"], found["SecretAccessKey"], found["Token"]) == ("AKIA", "secret", "")
    left = datetime.fromisoformat(found["Expiration"]) - datetime.now(UTC)
    assert found["Expiration"] == ends if ends else timedelta(0) < left <= timedelta(hours=1)


def test_without_the_path_a_session_or_the_token_there_is_nothing(server: Metadata, session: dict[str, str]) -> None:
    root = server.credentials_url.replace(server.secret_path, "")
    wrong = server.credentials_url.replace(server.secret_path, "/" + "x" * (len(server.secret_path) - 1))
    token = {"Authorization": server.container_token}
    ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    answers: dict[int, list[tuple[str, str, dict[str, str]]]] = {
        404: [
            ("GET", root, session),
            ("GET", wrong, session),
            ("GET", server.credentials_url + "/other", session),
            ("GET", server.container_url.replace(server.secret_path, ""), token),
            ("PUT", server.session_token_url.replace(server.secret_path, ""), ttl),
            ("PUT", server.credentials_url, ttl),
            ("GET", server.credentials_url.rpartition("/")[0], session),
        ],
        401: [
            ("GET", server.credentials_url, {}),
            ("GET", f"{server.credentials_url}/keyless", {"X-aws-ec2-metadata-token": "wrong"}),
            ("GET", server.region_url, {}),
            ("GET", server.container_url, session),
            ("GET", server.container_url, {"Authorization": "wrong"}),
        ],
        400: [("PUT", server.session_token_url, {})],
        501: [("POST", server.credentials_url, session)],
    }
    for status, requested in answers.items():
        for method, url, headers in requested:
            answer = requests.request(method, url, headers=headers, timeout=60)
            assert answer.status_code == status, (method, url.replace(server.secret_path, "/..."))
            assert "secret-one" not in answer.text


def test_it_listens_on_loopback_only(server: Metadata) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_failure_is_explained_to_who_asked(
    server: Metadata, session: dict[str, str], keys: Keys, capfd: pytest.CaptureFixture[str]
) -> None:
    keys.current = AwsCredentialsError("the endpoint", failures.find("container-refused"))
    answer = requests.get(f"{server.credentials_url}/keyless", headers=session, timeout=60)
    assert (answer.status_code, answer.text) == (500, str(keys.current))
    answer = requests.get(server.container_url, headers={"Authorization": server.container_token}, timeout=60)
    assert answer.status_code == 500
    assert capfd.readouterr() == ("", "")


def test_its_secrets_are_different_each_time(server: Metadata, keys: Keys) -> None:
    with Metadata(keys, "eu-central-1") as other:
        parts = [json.dumps([s.secret_path, s.session_token, s.container_token]) for s in (server, other)]
    assert len({part for text in parts for part in json.loads(text)}) == 6
