"""The local Google as a process: on loopback alone, silent about secrets, and gone without a trace."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.process import free_port
from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT, server


def start(env: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "google", *options]
    return subprocess.run(command, env={"PATH": os.defpath, **env}, capture_output=True, text=True, timeout=120)


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
        assert running.process.wait(60) == 0
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
