"""`python -m keyless exec` with the real libraries of both clouds, on clouds that verify what they are sent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.secrets_scan import KNOWN, found
from tests.local.exec_world import ROLE, World, world
from tests.local.google_fixtures import ADMIN_TOKEN

PYTHON = """
import os, sys
import google.auth, requests
from google.auth.transport.requests import Request
def query():
    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(Request())
    url = f"{os.environ['BIGQUERY']}/projects/{project}/queries"
    body = {"query": "SELECT 1 AS one", "useLegacySql": False}
    answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {credentials.token}"}, timeout=30)
    print(answer.status_code, answer.json().get("rows"), flush=True)
query()
for line in sys.stdin:
    query()
"""

BOTO3 = """
import boto3
print(boto3.client("sts").get_caller_identity()["Arn"])
boto3.client("s3").put_object(Bucket="state", Key="terraform.tfstate", Body=b"{}")
print(boto3.client("s3").get_object(Bucket="state", Key="terraform.tfstate")["Body"].read())
"""

GO = Path(__file__).parents[1] / "go"


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("exec")) as made:
        yield made


@pytest.fixture
def here(clouds: World) -> Iterator[World]:
    """The clouds, with a build whose credentials last."""
    clouds.build.made.clear()
    yield clouds
    clouds.build.lifetime = 3600


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The program in tests/go, built; skips where no module is to be had."""
    folder = tmp_path_factory.mktemp("go")
    environ = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-modcacherw -buildvcs=false"}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        environ |= {"GOPATH": str(folder / "path"), "GOCACHE": str(folder / "cache"), "GOENV": "off"}
    fetched = subprocess.run(["go", "mod", "download"], cwd=GO, env=environ, capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip(f"Go cannot have its modules: {fetched.stderr.splitlines()[-1]}")
    program = str(folder / "query")
    subprocess.run(["go", "build", "-o", program, "."], cwd=GO, env=environ, check=True)
    return program


LIBRARIES = ["Python", *(pytest.param(name, marks=pytest.mark.needs("go")) for name in ("Go's oauth2", "Go's auth"))]


@pytest.fixture(params=LIBRARIES)
def command(request: pytest.FixtureRequest) -> list[str]:
    """A program that queries BigQuery with one of Google's own libraries, again for each line that it reads."""
    if request.param == "Python":
        return [sys.executable, "-c", PYTHON]
    return [request.getfixturevalue("go_program"), request.param.removeprefix("Go's ")]


def test_googles_own_libraries_get_a_token_and_use_it(here: World, command: list[str]) -> None:
    since = len(here.google.audit())
    process = here.execute(*command, environ=here.environ(here.build.in_container()))
    said, problems = process.communicate("", timeout=60)
    assert (process.returncode, said[:3], problems) == (0, "200", "")
    assert here.who_queried(since) == [(here.account, "build-1")]


def test_with_direct_access_they_are_the_role_itself(here: World, command: list[str]) -> None:
    since = len(here.google.audit())
    environ = here.environ(here.build.in_container(), KEYLESS_SERVICE_ACCOUNT="")
    said, _ = here.execute(*command, environ=environ).communicate("", timeout=60)
    assert said[:3] == "200"
    ((principal, _),) = here.who_queried(since)
    assert principal.startswith("principal://")
    assert principal.endswith(f"assumed-role/{ROLE}/build-1")


def test_a_command_outlives_the_first_credentials(here: World, command: list[str]) -> None:
    since = len(here.google.audit())
    here.build.lifetime = 6
    with here.execute(*command, environ=here.environ(here.build.in_container())) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline()[:3] == "200"
        here.build.wait_until_ended(here.build.made[-1])
        process.stdin.write("again\n")
        process.stdin.flush()
        assert process.stdout.readline()[:3] == "200"
        process.communicate("", timeout=60)
    (_, first), (account, second) = here.who_queried(since)
    assert (account, second) == (here.account, f"build-{len(here.build.made)}")
    assert first != second


def test_with_exported_keys_it_would_have_died(here: World) -> None:
    """Why there is `exec`: the same program with a credential file as Google documents it, and keys in variables."""
    here.build.lifetime = 15  # the proof, a start of Python and a whole chain must fit in
    environ = here.environ(here.build.exported())
    file = here.folder / "documented.json"
    copy = ["cp", '"$GOOGLE_APPLICATION_CREDENTIALS"', f"'{file}'"]
    assert here.execute("sh", "-c", " ".join(copy), environ=environ).communicate(timeout=60) == ("", "")
    environ |= {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
    with here.start(sys.executable, "-c", PYTHON, environ=environ) as process:
        assert process.stdout
        assert process.stdout.readline()[:3] == "200"
        here.build.wait_until_ended(here.build.made[0])
        said, problems = process.communicate("again\n", timeout=60)
    assert (process.returncode, said) == (1, "")
    assert "invalid_grant" in problems


@pytest.mark.parametrize("where", ["in the container", "in variables"])
def test_awss_own_sdk_finds_the_role_that_was_there(here: World, where: str) -> None:
    credentials = here.build.exported() if where == "in variables" else here.build.in_container()
    process = here.execute(sys.executable, "-c", BOTO3, environ=here.environ(credentials))
    said, problems = process.communicate(timeout=60)
    assert problems == ""
    assert said.split("\n") == [f"arn:aws:sts::123456789012:assumed-role/{ROLE}/build-1", "b'{}'", ""]


@pytest.mark.parametrize("where", ["in the container", "in variables"])
def test_no_key_and_no_token_is_left_in_sight(here: World, where: str, tmp_path: Path) -> None:
    credentials = here.build.exported() if where == "in variables" else here.build.in_container()
    environ = here.environ(credentials, TMPDIR=str(tmp_path), GOOGLE_OAUTH_ACCESS_TOKEN="ya29.somebody-elses")
    file = f'{sys.executable} -c "$0"; env; cp "$GOOGLE_APPLICATION_CREDENTIALS" {tmp_path}/copy'
    process = here.execute("sh", "-c", file, PYTHON, environ=environ)
    said, problems = process.communicate("", timeout=60)
    seen = {"its output": said, "its errors": problems, **here.left_in(tmp_path)}
    assert "GOOGLE_APPLICATION_CREDENTIALS=" in said
    assert str(tmp_path / "copy") in seen
    assert found(seen, {name: ADMIN_TOKEN for name in KNOWN}) == []
    for name, text in seen.items():
        assert not [secret for secret in here.build.secrets() if secret in text], name
