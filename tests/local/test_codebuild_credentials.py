"""A build's AWS credentials: its role's, behind a token on loopback, refused when they have expired, and renewed."""

import pytest

from tests.local.aws_lab import ACCOUNT, LocalAws
from tests.local.builds import Project, commands, make_project

KEYS = """\
import json, os, urllib.error, urllib.request

def ask(token=os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"], url=os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]):
    request = urllib.request.Request(url, headers={"Authorization": token})
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code
"""
CALLER = """\
import boto3, time

def caller(keys):
    pair = {"aws_access_key_id": keys["AccessKeyId"], "aws_secret_access_key": keys["SecretAccessKey"]}
    return boto3.client("sts", aws_session_token=keys["Token"], **pair).get_caller_identity()["Arn"]
"""


@pytest.fixture(scope="module")
def project(aws: LocalAws) -> Project:
    return make_project(aws)


def python(*lines: str) -> str:
    """A command that runs these lines, with `ask` and `caller` at hand."""
    return "python - <<'END'\n" + "\n".join((KEYS, CALLER, *lines)) + "\nEND\n"


def test_aws_s_own_sdk_finds_the_role_under_codebuild_s_session_name(project: Project) -> None:
    whoami = python("print(boto3.client('sts').get_caller_identity()['Arn'])")
    arn, build_id = project.printed(commands(build=[whoami, "echo $CODEBUILD_BUILD_ID"]))
    uuid = build_id.partition(":")[2]
    assert arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/{project.name}/AWSCodeBuild-{uuid}"
    assert len(f"AWSCodeBuild-{uuid}") == 49


def test_without_the_token_or_the_path_nobody_gets_anything(project: Project) -> None:
    spec = commands(
        build=[python("print(ask(token='guess'), ask(url=os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'] + 'x'))")]
    )
    assert project.printed(spec) == ["401 404"]


def test_the_endpoint_is_gone_after_the_build(project: Project) -> None:
    left = project.printed(commands(build=["echo $AWS_CONTAINER_CREDENTIALS_FULL_URI"]))[0]
    again = commands(build=[python(f"try: ask(url={left!r})", "except urllib.error.URLError: print('gone')")])
    assert project.printed(again) == ["gone"]


def test_credentials_last_an_hour_where_nobody_asks_for_less(project: Project) -> None:
    script = python(
        "from datetime import datetime, timezone",
        "end = datetime.fromisoformat(ask()['Expiration'].replace('Z', '+00:00'))",
        "print(round((end - datetime.now(timezone.utc)).total_seconds() / 60))",
    )
    assert project.printed(commands(build=[script])) == ["60"]


def test_expired_keys_are_refused_and_the_endpoint_has_new_ones(project: Project) -> None:
    script = python(
        "first = ask()",
        "print(caller(first))",
        "for _ in range(600):",
        "    try:",
        "        caller(first)",
        "    except Exception as error:",
        "        print(str(error))",
        "        break",
        "    time.sleep(0.1)",
        "second = ask()",
        "print(first['AccessKeyId'] != second['AccessKeyId'], caller(second))",
    )
    first, refused, second = project.printed(commands(build=[script]), LOCAL_CREDENTIALS_LIFETIME="2")
    assert "ExpiredToken" in refused
    assert second == f"True {first}"


def test_a_build_s_rights_are_its_role_s(project: Project) -> None:
    script = python(
        "try: print(boto3.client('s3').list_buckets())",
        "except Exception as error: print(str(error))",
    )
    (refused,) = project.printed(commands(build=[script]))
    assert "AccessDenied" in refused
