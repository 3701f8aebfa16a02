"""`make terraform-provider`: real Terraform with Google's real provider, where no registry can be reached.

Who can reach one needs none of this: `terraform init` downloads a release. The tests never do. They use what this
made once, in a cache outside the checkout, and are skipped without it: the provider is 1.4 million lines of Go. Its
tags are no versions of a Go module (a major version above 1 would be in the module's path), so its source is a clone
of the tag, and what it needs comes from the module proxy.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.steps import Steps

REPOSITORY = "https://github.com/hashicorp/terraform-provider-google"
VERSION = "7.45.0"
COMMIT = "6f756229ab21d14d238c6280d2255262e4cccfc4"  # of the tag v7.45.0
TERRAFORM = "github.com/hashicorp/terraform@v1.13.3"  # where no terraform is on PATH
OLDEST_TERRAFORM = (1, 10)  # the first whose S3 backend locks with a file


class Unavailable(RuntimeError):
    """Terraform or its provider is not at hand; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Terraform:
    """A terraform and a CLI configuration that takes Google's provider from the cache and nothing from a registry."""

    binary: Path
    configuration: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a build needs to find both; `PATH` is the caller's to extend by the binary's folder."""
        return {"TF_CLI_CONFIG_FILE": str(self.configuration), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: build what is missing, with progress."""
    parser = argparse.ArgumentParser(prog="python -m local terraform", description=__doc__)
    parser.add_argument("--source", help=f"a clone that has the tag v{VERSION} (default: {REPOSITORY})")
    options = parser.parse_args(arguments)
    try:
        found = make(options.source or REPOSITORY, Steps())
    except Unavailable as missing:
        raise SystemExit(f"terraform-provider: {missing}") from missing
    print(f"Terraform {found.binary} with the provider google {VERSION}: {mirror()}")


def find() -> Terraform:
    """What is at hand, or `Unavailable`."""
    binary = shutil.which("terraform") or shutil.which("terraform", path=cache() / "bin")
    if not binary or not provider().is_file():
        missing = "terraform" if not binary else f"the provider google {VERSION}"
        raise Unavailable(f"{missing} is not at hand: `make terraform-provider` builds it, once (about 5 minutes)")
    if (found := version(binary)) < OLDEST_TERRAFORM:
        raise Unavailable(f"{binary} is {'.'.join(map(str, found))}, and the state's lock file needs 1.10 or newer")
    return Terraform(Path(binary), cache() / "terraform.rc")


def make(source: str, steps: Steps) -> Terraform:
    """Build what is missing."""
    go = shutil.which("go")
    if not go:
        raise Unavailable("Go is not on PATH: install it from https://go.dev/dl")
    if not (shutil.which("terraform") or shutil.which("terraform", path=cache() / "bin")):
        with steps.step(f"Terraform from Go's module proxy ({TERRAFORM})"):
            _run([go, "install", "-trimpath", TERRAFORM], GOBIN=str(cache() / "bin"))
    if not provider().is_file():
        _build(go, source, steps)
    (cache() / "terraform.rc").write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
    )
    return find()


def cache() -> Path:
    """Where it is kept: `KEYLESS_CACHE`, or keyless/ in the user's cache folder."""
    if chosen := os.environ.get("KEYLESS_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "keyless" / "terraform"


def mirror() -> Path:
    """The filesystem mirror. https://developer.hashicorp.com/terraform/cli/config/config-file"""
    return cache() / "providers"


def provider() -> Path:
    """The provider's binary in the mirror, unpacked."""
    architecture = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "amd64")
    where = mirror() / "registry.terraform.io" / "hashicorp" / "google" / VERSION / f"linux_{architecture}"
    return where / f"terraform-provider-google_v{VERSION}"


def version(binary: str) -> tuple[int, ...]:
    """The first two numbers of a terraform's version."""
    said = subprocess.run([binary, "version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"\bv(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _build(go: str, source: str, steps: Steps) -> None:
    """Clone the tag, see that it is the commit that we know, build, and move the binary into its place at once."""
    provider().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache()) as temporary:
        checkout, binary = Path(temporary) / "source", Path(temporary) / "provider"
        url = Path(source).resolve().as_uri() if Path(source).is_dir() else source
        with steps.step(f"The source of the provider google {VERSION} from {source}"):
            options = ["--quiet", "--depth", "1", "--branch", f"v{VERSION}", "-c", "advice.detachedHead=false"]
            _run(["git", "clone", *options, url, str(checkout)])
            found = _run(["git", "-C", str(checkout), "rev-parse", "HEAD"]).strip()
            if found != COMMIT:
                raise Unavailable(f"v{VERSION} of {source} is the commit {found}, not {COMMIT}")
        with steps.step("Its Go modules, each checked against the provider's go.sum"):
            _run([go, "mod", "download"], cwd=checkout)
        with steps.step("Building it: about 5 minutes on two cores"):
            name = "github.com/hashicorp/terraform-provider-google/version.ProviderVersion"
            flags = ["-trimpath", "-ldflags", f"-s -w -X {name}={VERSION}"]
            _run([go, "build", *flags, "-o", str(binary), "."], cwd=checkout)
        binary.rename(provider())


def _run(command: list[str], *, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    return done.stdout
