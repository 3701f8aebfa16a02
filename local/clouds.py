"""Both local clouds, started and stopped together, and how to reach them."""

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local import terraform
from local.process import PortTaken, Server, free_ports
from local.setup import ROOT

ACCOUNT, REGION = "111122223333", "eu-west-1"
PROJECT, PROJECT_NUMBER = "keyless-local", "472918365047"
LOOPBACK = "http://127.0.0.1"

# What a child may know of this machine: how to find programs, speak a language and trust certificates.
INHERITED = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)


@dataclass(frozen=True, slots=True)
class Clouds:
    """A local AWS and a local Google, stopped at the end of a `with`.

    `environment` points AWS's tools and ours at them, and at nothing else.
    """

    aws: Server
    google: Server
    environment: Mapping[str, str]
    folder: Path

    @classmethod
    def start(cls, folder: Path, *, propagation_delay: float = 0.0, tries: int = 3) -> Self:
        """Start both on free loopback ports, with keys of this run only; logs and temporary files lie in `folder`.

        IAM changes become visible to Google's checks `propagation_delay` seconds after they were made. Where others
        take a port before it is listened on, new ones are tried, `tries` times in all.
        Raises `ServerFailed`, with nothing left running.
        """
        clouds = cls._begin(folder, propagation_delay)
        try:
            clouds._wait()
        except BaseException as error:
            clouds.stop()
            if isinstance(error, PortTaken) and tries > 1:
                return cls.start(folder, propagation_delay=propagation_delay, tries=tries - 1)
            raise
        return clouds

    @classmethod
    def _begin(cls, folder: Path, propagation_delay: float) -> Self:
        aws_port, google_port = free_ports(2)
        shown = environment(folder, aws_port=aws_port, google_port=google_port)
        python = (sys.executable, "-m", "local")
        aws_command = [*python, "aws", "--port", str(aws_port), "--account", ACCOUNT, "--region", REGION]
        google_command = [*python, "google", "--port", str(google_port)]
        google_command += ["--aws-endpoint", shown["AWS_ENDPOINT_URL"]]
        google_command += ["--project", PROJECT, "--project-number", PROJECT_NUMBER]
        google_command += ["--propagation-delay", str(propagation_delay)]
        return cls(
            aws=Server.start("The local AWS", aws_command, env=shown, log=folder / "aws.log"),
            google=Server.start("The local Google", google_command, env=shown, log=folder / "google.log"),
            environment=shown,
            folder=folder,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End both, with everything that they started, and remove their temporary files. Safe to call again."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.stop, (self.aws, self.google)))
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)

    def _wait(self) -> None:
        self.aws.wait_until_healthy(self.environment["AWS_ENDPOINT_URL"] + "/_ministack/health")
        self.google.wait_until_healthy(self.environment["GOOGLE_ENDPOINT"] + "/healthz")


def environment(folder: Path, *, aws_port: int, google_port: int) -> dict[str, str]:
    """All that children of the clouds may know: how to reach them, and nothing of the shell's own identities."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": f"{LOOPBACK}:{aws_port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "KEYLESS_CACHE": str(terraform.cache()),  # builds take Google's real provider from there
        "GOOGLE_ENDPOINT": f"{LOOPBACK}:{google_port}",
        "GOOGLE_ADMIN_TOKEN": secrets.token_hex(24),
        "GCP_PROJECT_ID": PROJECT,
        "GCP_PROJECT_NUMBER": PROJECT_NUMBER,
    }
