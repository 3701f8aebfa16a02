"""What a smoke test did, told as it goes and written down to be pasted into an issue: no secret, no account number."""

import json
import os
import platform
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from keyless_cdk.layer import ROOT
from local.steps import Steps
from stacks.verify.stage import SmokeStage

# Errors come masked from where they arise; this is for what nobody thought of.
SECRET = re.compile(
    r"ya29\.[\w.-]+|(?:AKIA|ASIA)[A-Z0-9]{12,}|[Bb]earer [\w.~+/-]{12,}"
    r"|(?:Signature|X-Amz-[\w-]+)=[^&\s\"']+|AWS4-HMAC-SHA256[^\"'}]*|eyJ[\w.-]{20,}"
)
ENDPOINTS = ("AWS_ENDPOINT_URL", "KEYLESS_GOOGLE_ENDPOINT")
LONGEST = 1500  # characters of an error


@dataclass(slots=True)
class Report:
    """The steps so far."""

    target: SmokeStage
    steps: Steps = field(default_factory=Steps)

    @property
    def passed(self) -> bool:
        """Whether every step ended well."""
        return all(outcome.ended == "ok" for outcome in self.steps.outcomes)

    def write(self, path: Path) -> None:
        """The report as markdown."""
        rows = [
            f"| {outcome.step} | {outcome.ended} | {outcome.seconds:.1f} s | {_cell(_short(outcome.seen))} |"
            for outcome in self.steps.outcomes
        ]
        lines = [
            f"## Keyless smoke test: {'passed' if self.passed else 'FAILED'}",
            "",
            *(f"- {name}: {value}" for name, value in self._circumstances().items()),
            "",
            "| step | ended | took | seen |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
        path.write_text(self.masked("\n".join(lines)))

    def masked(self, text: str) -> str:
        """Without account and project numbers, the project's name, and anything that looks like a secret."""
        settings = self.target.settings
        for name, shown in {
            settings.account: "************",
            settings.project_number: "NUMBER",
            self.target.deployer_provider.split("/")[1]: "NUMBER",
            settings.project: "PROJECT",
            self.target.home: "IDENTITY-PROJECT",
        }.items():
            text = text.replace(name, shown)
        return SECRET.sub("[hidden]", text)

    def _circumstances(self) -> dict[str, str]:
        settings = self.target.settings
        overridden = [name for name in ENDPOINTS if os.environ.get(name)]
        cdk = json.loads((ROOT / "node_modules" / "aws-cdk" / "package.json").read_text())["version"]
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        return {
            "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "where": f"NOT the real clouds: {' and '.join(overridden)} set"
            if overridden
            else "the real AWS and Google",
            "Keyless": f"{project['version']}, commit {_commit()}",
            "function": f"{settings.runtime} on {settings.architecture} in {settings.region}, "
            f"{settings.provisioned_concurrency or 'nothing'} provisioned",
            "tools": f"Python {platform.python_version()}, aws-cdk {cdk}, "
            f"aws-cdk-lib {metadata.version('aws-cdk-lib')}, "
            f"google-auth {metadata.version('google-auth')}, {platform.system()} {platform.machine()}",
        }


def _commit() -> str:
    """The checkout's commit, with a plus sign when something was changed since."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 -- git
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return ended.stdout.strip()


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} [...] {text[-LONGEST // 2 :]}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")
