"""The smoke test for real accounts, proved on the local clouds: it is pointed there, and knows nothing else of them."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.clouds import ACCOUNT, PROJECT, PROJECT_NUMBER, REGION, Clouds
from local.deployment import Deployment
from local.invoke import client
from local.setup import BUILD, ROOT
from tests.e2e import secrets_scan
from tests.e2e.chain import Chain

POOL = f"/iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-{ACCOUNT}-verify"
DEPLOYER = (
    f"/iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-bootstrap/providers/aws-{ACCOUNT}"
)
ACCOUNTS = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
STACK = "keyless-smoke-verify"


@dataclass(frozen=True, slots=True)
class World:
    """Both local clouds, bootstrapped for another stage, and the settings of that."""

    environment: Mapping[str, str]
    settings: Mapping[str, Any]

    def command(self, folder: Path, *arguments: str, **settings: Any) -> list[str]:
        """`make verify` with these settings."""
        context = f"keyless={json.dumps({**self.settings, **settings})}"
        return [sys.executable, "-m", "stacks.verify", "-c", context, "--folder", str(folder), *arguments]

    def run(self, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with nobody at the keyboard."""
        return subprocess.run(
            self.command(folder, *arguments), cwd=ROOT, env={**self.environment, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def google(self, path: str) -> dict[str, Any]:
        """Something on Google's side, as the administrator sees it."""
        return Chain(self.environment, "").admin("GET", path).body

    def left(self) -> list[str]:
        """What of a smoke test is still there on either side: asked here without its own code."""
        stacks = client("cloudformation", self.environment).list_stacks()["StackSummaries"]
        found = [s["StackName"] for s in stacks if s["StackStatus"] != "DELETE_COMPLETE" and "verify" in s["StackName"]]
        functions = client("lambda", self.environment).list_functions()["Functions"]
        found += [function["FunctionName"] for function in functions]
        accounts = [account["email"] for account in self.google(ACCOUNTS).get("accounts", [])]
        found += [email for email in accounts if "verify" in email]
        found += [POOL] if self.google(POOL).get("state") == "ACTIVE" else []
        policy = Chain(self.environment, "").admin(
            "POST", f"/cloudresourcemanager/v1/projects/{PROJECT}:getIamPolicy", {}
        )
        found += [member for b in policy.body["bindings"] for member in b["members"] if "verify" in member]
        return found + ([DEPLOYER] if "-verify-" in self.google(DEPLOYER)["attributeCondition"] else [])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Clouds of this module's own, in the state that README's steps 2 and 3 leave."""
    with Clouds.start(tmp_path_factory.mktemp("verify")) as clouds:
        deployment = Deployment(clouds)
        with ThreadPoolExecutor() as pool:
            beside = pool.submit(deployment.bootstrap_aws)
            deployment.bootstrap_google()
            beside.result()
        pointed = {
            **clouds.environment,
            "GOOGLE_OAUTH_ACCESS_TOKEN": clouds.environment["GOOGLE_ADMIN_TOKEN"],
            "KEYLESS_GOOGLE_ENDPOINT": clouds.environment["GOOGLE_ENDPOINT"] + "/{service}",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(BUILD / "jsii"),
        }
        yield World(pointed, deployment.settings)


def test_the_whole_run_passes_leaves_nothing_and_writes_a_report(world: World, tmp_path: Path) -> None:
    ended = world.run(tmp_path, "--yes")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert world.left() == []
    report = (tmp_path / "report.md").read_text()
    assert "## Keyless smoke test: passed" in report
    assert "NOT the real clouds: AWS_ENDPOINT_URL and KEYLESS_GOOGLE_ENDPOINT set" in report
    arn = "arn:aws:sts::************:assumed-role/keyless-bigquery-query-verify-eu-west-1/keyless-bigquery-query-verify"
    assert f"3 rows; as {arn}" in report
    assert re.search(r"Breaking a link: the provider is disabled \| ok .*ExchangeError: sts-exchange failed", report)
    assert re.search(r"Mending it: rows again \| ok .* 3 rows", report)
    for hidden in (ACCOUNT, PROJECT, PROJECT_NUMBER):
        assert hidden not in report
    everything = {**secrets_scan.files([tmp_path]), "printed": ended.stdout + ended.stderr}
    assert secrets_scan.found(everything, world.environment) == []


def test_a_failing_step_is_told_and_everything_goes_all_the_same(world: World, tmp_path: Path) -> None:
    chain = Chain(world.environment, "")
    chain.admin("POST", ACCOUNTS, {"accountId": "aws-bq-reader-verify", "serviceAccount": {}})
    email = f"aws-bq-reader-verify@{PROJECT}.iam.gserviceaccount.com"
    ended = world.run(tmp_path, "--yes")
    assert ended.returncode == 1, ended.stdout
    assert "was not made by Keyless and is not taken over" in ended.stdout
    report = (tmp_path / "report.md").read_text()
    assert re.search(r"Deploying both halves with `cdk deploy` \| FAILED", report)
    assert re.search(r"Looking for what is left on either side \| ok \| .* \| nothing \|", report)
    assert "Something may be left" not in ended.stderr
    assert world.left() == [email]  # somebody else's
    assert chain.admin("DELETE", f"{ACCOUNTS}/{email}").status == 200


def test_ctrl_c_takes_everything_away_before_it_ends(world: World, tmp_path: Path) -> None:
    with running(world, tmp_path) as process:
        wait_for_stack(world, "CREATE_IN_PROGRESS")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        printed, _ = process.communicate(timeout=600)
    assert process.returncode == 1, printed
    assert "Interrupted. Taking everything away" in printed
    assert world.left() == []
    assert re.search(r"Deploying both halves with `cdk deploy` \| interrupted", (tmp_path / "report.md").read_text())


def test_a_second_ctrl_c_says_what_may_be_left_and_clean_removes_it(world: World, tmp_path: Path) -> None:
    with running(world, tmp_path) as process:
        wait_for_stack(world, "CREATE_IN_PROGRESS")
        os.killpg(process.pid, signal.SIGINT)
        read_until(process, "Destroying the stack")
        os.killpg(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "python -m stacks.verify --clean" in printed
    assert f"aws cloudformation delete-stack --stack-name {STACK} --region {REGION}" in printed
    again = world.run(tmp_path, "--yes")
    assert again.returncode == 2
    assert f"AWS: there is the stack {STACK}" in again.stderr
    cleaned = world.run(tmp_path, "--yes", "--clean")
    assert cleaned.returncode == 0, cleaned.stdout + cleaned.stderr
    assert world.left() == []


def test_nobody_to_ask_means_no(world: World, tmp_path: Path) -> None:
    ended = world.run(tmp_path)
    assert ended.returncode == 2
    assert "pass --yes to go on without. Nothing was done." in ended.stderr
    assert f"on AWS, account {ACCOUNT}, {REGION}:\n    the stack {STACK}" in ended.stdout
    assert "less than one US cent" in ended.stdout
    assert world.left() == []


@pytest.mark.parametrize("typed", ["yes\n", "\n", "\x04", "\x03"])
def test_only_the_projects_name_goes_on(typed: str, world: World, tmp_path: Path) -> None:
    terminal, ours = pty.openpty()
    with subprocess.Popen(
        world.command(tmp_path), cwd=ROOT, env=world.environment, stdin=ours, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True, preexec_fn=lambda: os.close(terminal),
    ) as process:  # fmt: skip
        os.close(ours)
        read_until(process, f"Type {PROJECT} to go on: ")
        if typed == "\x03":
            os.killpg(process.pid, signal.SIGINT)
        else:
            os.write(terminal, typed.encode())
        printed, _ = process.communicate(timeout=300)
    os.close(terminal)
    assert (process.returncode, "Nothing was done." in printed) == (2, True), printed
    assert not (tmp_path / "report.md").exists()
    assert world.left() == []


@pytest.mark.parametrize(
    ("settings", "environment", "told"),
    [
        ({"account": "999988887777"}, {}, f"AWS: the credentials are those of the account {ACCOUNT}"),
        ({"region": "eu-west-3"}, {}, "AWS: run `npx cdk bootstrap aws://111122223333/eu-west-3` first."),
        ({"project_number": "1"}, {}, f"Google: the number of {PROJECT} is {PROJECT_NUMBER}, the settings say 1."),
        ({"stage": "verify"}, {}, "Google: the deployer does not trust keyless-federation-verify-eu-west-1."),
        ({"deployer_service_account": f"mine@{PROJECT}.iam.gserviceaccount.com"}, {}, "give settings with the stage"),
        ({}, {"GOOGLE_OAUTH_ACCESS_TOKEN": "expired"}, "Google: Google does not take the token"),
        ({}, {"KEYLESS_GOOGLE_ENDPOINT": ""}, "AWS_ENDPOINT_URL is set alone"),
        ({"nonsense": 1}, {}, "'nonsense' is not a setting"),
    ],
)
def test_what_is_in_the_way_is_told_before_anything_begins(
    settings: dict[str, Any], environment: dict[str, str], told: str, world: World, tmp_path: Path
) -> None:
    ended = subprocess.run(
        world.command(tmp_path, "--yes", **settings), cwd=ROOT, env={**world.environment, **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert told in ended.stderr
    assert list(tmp_path.iterdir()) == []


def running(world: World, folder: Path) -> "subprocess.Popen[str]":
    """A run that goes on by itself, in a process group of its own."""
    return subprocess.Popen(
        world.command(folder, "--yes"), cwd=ROOT, env=world.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What was printed, up to and including `words`."""
    assert process.stdout is not None
    printed = ""
    while words not in printed:
        character = process.stdout.read(1)
        assert character, f"it ended before {words!r}: {printed}"
        printed += character
    return printed


def wait_for_stack(world: World, status: str) -> None:
    """Return when the smoke test's stack has that status."""
    cloudformation, deadline = client("cloudformation", world.environment), time.monotonic() + 300
    while time.monotonic() < deadline:
        stacks = cloudformation.list_stacks()["StackSummaries"]
        if (STACK, status) in {(stack["StackName"], stack["StackStatus"]) for stack in stacks}:
            return
        time.sleep(0.05)
    raise AssertionError(f"{STACK} was never {status}")
