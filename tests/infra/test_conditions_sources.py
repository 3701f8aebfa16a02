"""`keyless conditions`: ARNs from files and from AWS, as they come, and what is told when they do not."""

import json
from pathlib import Path

import pytest

from keyless_cli.conditions.command import main
from keyless_cli.conditions.sources import from_file

ACCOUNT = "111122223333"
GIVEN = ["--account", ACCOUNT, "--condition", f"assertion.account == '{ACCOUNT}'"]


ROLES = [f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("team/app", "with,comma", "other")]


@pytest.mark.parametrize(
    "text",
    [
        "\r\n".join([f"{ROLES[0]}  # ours", "# and", *ROLES[1:]]),
        "\t".join(ROLES),
        json.dumps(ROLES),
        json.dumps(ROLES, indent=4),
    ],
    ids=["lines", "--output text", "JSON in a line", "--output json"],
)
def test_a_file_holds_arns_as_people_and_the_aws_command_write_them(text: str, tmp_path: Path) -> None:
    file = tmp_path / "arns"
    file.write_bytes(text.encode())
    assert from_file(file) == ROLES


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arns, template = tmp_path / "arns", tmp_path / "broken.template.json"
    arns.write_bytes(b"\xff\xfe")
    template.write_text("{")
    for arguments, file in (([*GIVEN, "--arns", str(arns)], arns), (["--app", str(tmp_path)], template)):
        assert main(arguments) == 2
        assert f"conditions: {file} cannot be read: " in capsys.readouterr().err


@pytest.mark.parametrize("keys", [{}, {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}])
def test_an_aws_that_cannot_be_asked_is_told(
    keys: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    files = {name: str(tmp_path / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    for name, value in {**nowhere, **files, **keys}.items():
        monkeypatch.setenv(name, value)
    assert main([*GIVEN, "--from-aws"]) == 2
    told = capsys.readouterr().err
    assert "aws sts get-caller-identity" in told
    assert "iam:ListRoles" in told
