"""What the build of functions/terraform takes from the network: the pinned Terraform, checked, and nothing else."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types

from local import terraform
from local.aws.codebuild.spec import Spec
from tests.local.aws_lab import ROOT

FOLDER = ROOT / "functions" / "terraform"
VARIABLES: dict[str, str] = yaml.safe_load((FOLDER / "buildspec.yml").read_text())["env"]["variables"]
PLATFORMS = {"x86_64": ("linux_amd64", "TERRAFORM_SHA256_AMD64"), "aarch64": ("linux_arm64", "TERRAFORM_SHA256_ARM64")}
STAND_IN = "#!/bin/sh\necho stand-in $1\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the folder, as a build finds it."""
    return Path(shutil.copytree(FOLDER, tmp_path / "source"))


@pytest.fixture
def release(tmp_path: Path) -> tuple[str, str, str]:
    """A Terraform that is none, zipped as releases are: its folder's URL, its variable and its checksum."""
    machine = platform.machine()
    if machine not in PLATFORMS:
        pytest.skip(f"no Terraform is pinned for {machine}")
    name, variable = PLATFORMS[machine]
    version = VARIABLES["TERRAFORM_VERSION"]
    path = tmp_path / "releases" / version / f"terraform_{version}_{name}.zip"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("terraform", STAND_IN)
    return str(tmp_path / "releases"), variable, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def server(release: tuple[str, str, str]) -> Iterator[str]:
    """The release over HTTP."""
    folder, *_ = release
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def install(source: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run install.sh as the buildspec does, with some variables changed."""
    environment = {**VARIABLES, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **variables}
    command = ["sh", "install.sh"]
    return subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.needs("curl")
def test_the_pinned_release_is_fetched_compared_and_run(
    source: Path, release: tuple[str, str, str], server: str
) -> None:
    _, variable, checksum = release
    done = install(source, **{"TERRAFORM_RELEASES": server, variable: checksum})
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("stand-in version\n")
    assert sorted(path.name for path in (source / "bin").iterdir()) == ["terraform"]


@pytest.mark.needs("curl")
def test_a_release_with_another_checksum_is_not_even_unpacked(
    source: Path, release: tuple[str, str, str], server: str
) -> None:
    done = install(source, TERRAFORM_RELEASES=server)
    assert done.returncode != 0
    assert "FAILED" in done.stdout
    assert not (source / "bin" / "terraform").exists()


@pytest.mark.needs("curl")
def test_a_release_that_is_not_there_fails(source: Path, release: tuple[str, str, str], server: str) -> None:
    done = install(source, TERRAFORM_RELEASES=f"{server}/nowhere")
    assert done.returncode != 0
    assert "404" in done.stderr


def test_a_terraform_that_is_named_is_taken_and_that_is_said(source: Path, tmp_path: Path) -> None:
    named = tmp_path / "tofu"
    named.write_text(STAND_IN)
    named.chmod(0o755)
    done = install(source, TERRAFORM_BINARY=str(named), TERRAFORM_RELEASES="http://127.0.0.1:9")
    assert done.stdout == (
        f"TERRAFORM_BINARY is set: {named} is taken as it is. Nothing is downloaded, no checksum compared.\n"
        "stand-in version\n"
    )
    assert (source / ".terraform.lock.hcl").exists()


def test_the_provider_s_lock_is_given_up_only_when_asked_and_that_is_said(source: Path, tmp_path: Path) -> None:
    named = tmp_path / "terraform"
    named.write_text(STAND_IN)
    named.chmod(0o755)
    done = install(source, TERRAFORM_BINARY=str(named), TERRAFORM_LOCKFILE="")
    assert "the provider is not compared with .terraform.lock.hcl" in done.stdout
    assert not (source / ".terraform.lock.hcl").exists()


def test_terraform_is_pinned_by_version_and_by_checksum() -> None:
    assert re.fullmatch(r"1\.\d+\.\d+", VARIABLES["TERRAFORM_VERSION"])
    assert tuple(map(int, VARIABLES["TERRAFORM_VERSION"].split(".")[:2])) >= terraform.OLDEST_TERRAFORM
    assert {re.fullmatch(r"[0-9a-f]{64}", VARIABLES[name]) is not None for _, name in PLATFORMS.values()} == {True}
    assert VARIABLES["TERRAFORM_LOCKFILE"] == "readonly"


def test_the_locked_provider_is_the_one_that_was_tried_and_is_pinned_for_every_platform() -> None:
    lock = (FOLDER / ".terraform.lock.hcl").read_text()
    assert re.findall(r'provider "([^"]+)"', lock) == ["registry.terraform.io/hashicorp/google"]
    assert re.findall(r'version += "([^"]+)"', lock) == [terraform.VERSION]
    assert len(set(re.findall(r'"zh:([0-9a-f]{64})"', lock))) == 12


def test_every_terraform_command_runs_under_exec() -> None:
    spec = Spec.parse((FOLDER / "buildspec.yml").read_text())
    commands = [command for phase in spec.phases.values() for command in (*phase.commands, *phase.finally_)]
    use = re.compile(r"(.{0,26})\bterraform (?:init|validate|plan|show|apply)")
    uses = [found for command in commands for found in use.findall(command)]
    assert len(uses) == 5
    assert set(uses) == {"python -m keyless exec -- "}
    assert "apply -no-color -lock-timeout=5m plan;" in commands[-1]


@pytest.mark.needs  # terraform: that says whether it is formatted, where there is one
def test_the_configuration_is_formatted_and_names_no_credentials() -> None:
    secret = re.compile(r"^\s*(credentials|access_token|access_key|secret_key)\s*=", re.M)
    assert [path.name for path in FOLDER.glob("*.tf") if secret.search(path.read_text())] == []
    if binary := shutil.which("terraform"):
        command = [binary, "fmt", "-check", "-diff", str(FOLDER)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
