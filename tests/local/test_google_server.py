"""The local Google as a process: on loopback alone, silent about secrets, gone without a trace, and fit for gcloud."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.process import free_port
from tests.local.google_fixtures import ADMIN_TOKEN, NUMBER, POOL_NAME, PROJECT, Google, Json, server

GCLOUD = shutil.which("gcloud")
READER = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"


def start(env: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "google", *options]
    return subprocess.run(command, env={"PATH": os.defpath, **env}, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("env", [{}, {"GOOGLE_ADMIN_TOKEN": "short"}])
def test_without_an_admin_token_it_does_not_start(env: dict[str, str]) -> None:
    ended = start(env, "--port", "1", "--aws-endpoint", "http://127.0.0.1:1")
    assert ended.returncode != 0
    assert "GOOGLE_ADMIN_TOKEN" in ended.stderr


def test_an_aws_endpoint_is_required() -> None:
    ended = start({"GOOGLE_ADMIN_TOKEN": ADMIN_TOKEN}, "--port", str(free_port()))
    assert ended.returncode != 0
    assert "--aws-endpoint" in ended.stderr


@pytest.mark.parametrize("endpoint", ["https://sts.amazonaws.com", "http://10.0.0.1:4566", "http://example.com"])
def test_an_aws_endpoint_elsewhere_is_refused(endpoint: str) -> None:
    ended = start({"GOOGLE_ADMIN_TOKEN": ADMIN_TOKEN}, "--port", str(free_port()), "--aws-endpoint", endpoint)
    assert ended.returncode != 0
    assert "loopback" in ended.stderr


def test_healthy_means_wholly_ready_and_the_end_leaves_nothing(tmp_path: Path) -> None:
    with server(tmp_path, "http://127.0.0.1:1", "--project", "other-project", "--project-number", "123") as (
        google,
        running,
    ):
        assert google.http.get("/healthz").json() == {"ready": True}
        google.ok("GET", "/cloudresourcemanager/v1/projects/123")
        port = google.http.base_url.port
        assert port is not None
        service = "/serviceusage/v1/projects/other-project/services/bigquery.googleapis.com:enable"
        google.ok("POST", service, {})
        query = {"query": "SELECT COUNT(*) FROM `bigquery-public-data.samples.shakespeare`"}
        rows = google.ok("POST", "/bigquery/bigquery/v2/projects/other-project/queries", query)["rows"]
        assert int(rows[0]["f"][0]["v"]) > 100_000
        with socket.socket() as elsewhere, pytest.raises(ConnectionRefusedError):
            elsewhere.connect(("127.0.0.2", port))
        assert listening_ports(running.process.pid) == {port}
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["google.log"]
    log = (tmp_path / "google.log").read_text()
    assert "200 cloudresourcemanager.googleapis.com GetProject projects/other-project by admin@keyless.local" in log
    assert ADMIN_TOKEN not in log
    assert "Traceback" not in log


def listening_ports(pid: int) -> set[int]:
    """The ports on which a process listens, whatever the address."""
    inodes = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return ports


def test_a_policy_change_takes_the_propagation_delay(tmp_path: Path) -> None:
    with server(tmp_path, "http://127.0.0.1:1", "--propagation-delay", "3600") as (google, _):
        google.enable_apis()
        email = google.account("late-reader")
        creator = "roles/iam.serviceAccountTokenCreator"
        google.grant_on_account(email, creator, "user:admin@keyless.local")
        account = f"/iam/v1/projects/{PROJECT}/serviceAccounts/{email}"
        assert google.ok("POST", f"{account}:getIamPolicy")["bindings"][0]["role"] == creator
        path = f"/iamcredentials/v1/projects/-/serviceAccounts/{email}:generateAccessToken"
        google.refused(403, "PERMISSION_DENIED", "POST", path, {"scope": ["https://www.googleapis.com/auth/iam"]})


@pytest.mark.skipif(GCLOUD is None, reason="gcloud is not installed")
def test_gcloud_takes_the_nine_steps(tmp_path: Path) -> None:
    with server(tmp_path) as (google, _):
        gcloud(google, tmp_path, "services enable iam.googleapis.com iamcredentials.googleapis.com sts.googleapis.com")
        pool = "--location=global --workload-identity-pool=aws-pool"
        gcloud(google, tmp_path, "iam workload-identity-pools create aws-pool --location=global --display-name=AWS")
        gcloud(
            google,
            tmp_path,
            f"iam workload-identity-pools providers create-aws aws-provider {pool} --account-id=123456789012",
            "--attribute-mapping=google.subject=assertion.arn,attribute.aws_role=assertion.arn.extract('assumed-role/{role}/')",
        )
        gcloud(
            google,
            tmp_path,
            f"iam workload-identity-pools providers update-aws aws-provider {pool}",
            "--attribute-condition=attribute.aws_role in ['reader-role']",
        )
        gcloud(google, tmp_path, "iam service-accounts create aws-bq-reader --display-name=Reader")
        member = f"--member=principalSet://iam.googleapis.com/{POOL_NAME}/attribute.aws_role/reader-role"
        for role in ("workloadIdentityUser", "serviceAccountTokenCreator"):
            gcloud(
                google,
                tmp_path,
                f"iam service-accounts add-iam-policy-binding {READER} --role=roles/iam.{role}",
                member,
            )
        member = f"--member=serviceAccount:{READER}"
        gcloud(google, tmp_path, f"projects add-iam-policy-binding {PROJECT} --role=roles/bigquery.jobUser", member)
        assert gcloud(google, tmp_path, f"projects describe {PROJECT}")["projectNumber"] == NUMBER
        gcloud(google, tmp_path, "iam workload-identity-pools delete aws-pool --location=global")
        gcloud(google, tmp_path, "iam workload-identity-pools undelete aws-pool --location=global")
        provider = gcloud(google, tmp_path, f"iam workload-identity-pools providers describe aws-provider {pool}")
        assert provider["attributeCondition"] == "attribute.aws_role in ['reader-role']"
        policy = gcloud(google, tmp_path, f"iam service-accounts get-iam-policy {READER}")
        roles = [binding["role"] for binding in policy["bindings"]]
        assert roles == ["roles/iam.serviceAccountTokenCreator", "roles/iam.workloadIdentityUser"]


def gcloud(google: Google, folder: Path, words: str, *more: str) -> Json:
    """Run gcloud against the local Google, with a configuration of its own."""
    token = folder / "token"
    token.write_text(ADMIN_TOKEN)
    env = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "CLOUDSDK_CONFIG": str(folder / "gcloud"),
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
    }
    for api in ("IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "STS"):
        env[f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}"] = f"{google.http.base_url}/{api.lower()}/"
    command = [str(GCLOUD), *words.split(), *more, "--format=json"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    shown: Json = json.loads(ended.stdout or "{}")
    return shown
