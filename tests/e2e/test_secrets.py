"""No token, key or signed request is in any log or file of a run, and the scan would find one."""

from pathlib import Path

import pytest

from local.deployment import Deployment
from local.invoke import client, invoke
from tests.e2e import secrets_scan


def test_nothing_secret_is_written_anywhere(deployed: Deployment) -> None:
    environment = deployed.clouds.environment
    invoke({}, environment)
    invoke({"word": "love"}, environment)
    texts = {**secrets_scan.files([deployed.clouds.folder]), **function_logs(deployed)}
    assert any("token-ready" in text for text in texts.values()), "the functions' own logs are part of the scan"
    assert secrets_scan.found(texts, environment) == []


def test_function_logs_come_from_every_function(deployed: Deployment) -> None:
    assert {name.rpartition("/")[2] for name in function_logs(deployed)} == {
        "keyless-bigquery-events-local",
        "keyless-bigquery-query-local",
        "keyless-federation-local-eu-west-1",
        "keyless-terraform-local",
    }


@pytest.mark.parametrize(
    "leak",
    [
        '{"access_token": "ya29.c0ASRK0Gaexample"}',
        "Authorization: Bearer abcdefghijklmnop",
        "AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=0123456789abcdef0123",
        '"x-amz-security-token": "IQoJb3JpZ2luX2VjEXAMPLE"',
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "POST /v1/token subject_token=%257B",
    ],
)
def test_the_scan_finds_what_it_is_for(leak: str, deployed: Deployment, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"before\n{leak}\nafter\n")
    assert len(secrets_scan.found(secrets_scan.files([tmp_path]), deployed.clouds.environment)) >= 1


def function_logs(deployed: Deployment) -> dict[str, str]:
    """Everything that functions logged, by log group."""
    logs = client("logs", deployed.clouds.environment)
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    return {
        group: "\n".join(event["message"] for event in logs.filter_log_events(logGroupName=group)["events"])
        for group in groups
    }
