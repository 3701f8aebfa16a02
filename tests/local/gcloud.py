"""The real gcloud, pointed at a local Google: a configuration, a token and endpoints of its own, and nothing else."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("gcloud")
APIS = ("IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "STS")
needed = pytest.mark.needs("gcloud")


@dataclass(frozen=True, slots=True)
class Gcloud:
    """A gcloud whose configuration lives in `folder`, as the bearer of `token` at the local Google at `url`."""

    url: str
    token: str
    project: str
    folder: Path

    def __call__(self, words: str, *more: str) -> Any:
        """Run a command that must succeed; its JSON. `words` are split at spaces, `more` are not."""
        ended = self.run(words, *more)
        assert ended.returncode == 0, f"gcloud {words}: {ended.stderr}"
        return json.loads(ended.stdout or "{}")

    def refused(self, words: str, *more: str) -> str:
        """Run a command that must fail; what it said."""
        ended = self.run(words, *more)
        assert ended.returncode == 1, f"gcloud {words}: {ended.returncode} {ended.stdout} {ended.stderr}"
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def run(self, words: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a command, however it ends."""
        return self._ended([str(PROGRAM), *words.split(), *more, "--format=json"])

    def script(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script in which gcloud is this one."""
        return self._ended(["sh", "-c", text])

    def _ended(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=120, check=False
        )

    def _environment(self) -> dict[str, str]:
        token = self.folder / "token"
        token.write_text(self.token)
        return {
            "PATH": f"{Path(str(PROGRAM)).parent}{os.pathsep}{os.defpath}",
            "HOME": str(self.folder),
            "CLOUDSDK_CONFIG": str(self.folder / "gcloud"),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_CORE_PROJECT": self.project,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{self.url}/{api.lower()}/" for api in APIS},
        }
