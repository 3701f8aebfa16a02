"""`make terraform-provider`: what is at hand is found, what is missing is named, another commit is not built."""

import subprocess
from pathlib import Path

import pytest

from local import terraform
from local.steps import Steps


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a PATH with nothing but what a test puts into `programs`."""
    monkeypatch.setenv("KEYLESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    (tmp_path / "cache" / "bin").mkdir(parents=True)
    (tmp_path / "programs").mkdir()
    return tmp_path / "cache"


def program(path: Path, says: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_what_is_missing_is_named_with_the_command_that_makes_it(cache: Path) -> None:
    with pytest.raises(terraform.Unavailable, match=r"^terraform is not at hand: `make terraform-provider`"):
        terraform.find()
    program(cache / "bin" / "terraform", "Terraform v1.13.3")
    with pytest.raises(terraform.Unavailable, match=r"^the provider google [0-9.]+ is not at hand"):
        terraform.find()


@pytest.mark.parametrize(("says", "number"), [("Terraform v1.9.8", "1.9"), ("no version", "0.0")])
def test_a_terraform_without_the_lock_file_is_refused(cache: Path, says: str, number: str) -> None:
    terraform.provider().parent.mkdir(parents=True)
    terraform.provider().touch()
    program(cache / "bin" / "terraform", says)
    with pytest.raises(terraform.Unavailable, match=rf"is {number}, .* needs 1\.10 or newer"):
        terraform.find()


def test_what_is_on_the_path_comes_before_what_was_built(cache: Path, tmp_path: Path) -> None:
    terraform.provider().parent.mkdir(parents=True)
    terraform.provider().touch()
    for folder in (cache / "bin", tmp_path / "programs"):
        program(folder / "terraform", "Terraform v1.11.4 on linux_amd64")
    found = terraform.find()
    assert found.binary == tmp_path / "programs" / "terraform"
    assert found.environment["TF_CLI_CONFIG_FILE"] == str(cache / "terraform.rc")


def test_another_commit_under_the_tag_is_not_built(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "programs" / "go", "never asked to build")
    program(tmp_path / "programs" / "terraform", "Terraform v1.11.4")
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    clone = tmp_path / "clone"
    identity = ["-c", "user.name=A", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    clone.mkdir()
    for command in (
        ["init", "-q"],
        [*identity, "commit", "-q", "--allow-empty", "-m", "x"],
        ["tag", f"v{terraform.VERSION}"],
    ):
        subprocess.run(["git", "-C", str(clone), *command], check=True)
    with pytest.raises(terraform.Unavailable, match=rf"is the commit [0-9a-f]{{40}}, not {terraform.COMMIT}"):
        terraform.make(str(clone), Steps())
    assert not terraform.provider().exists()


def test_without_go_it_says_where_to_get_it() -> None:
    with pytest.raises(terraform.Unavailable, match=r"Go is not on PATH"):
        terraform.make("anywhere", Steps())
