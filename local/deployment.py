"""The real `cdk` and the real bootstrap, run against the local clouds and never against anything else."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local import events_table
from local.clouds import ACCOUNT, PROJECT, REGION, Clouds
from local.setup import ROOT, machine, runtime
from local.steps import Steps

STAGE = "local"
CDK = ROOT / "node_modules" / ".bin" / "cdk"
PYTHON = sys.executable
TERRAFORM_ROLES = ("roles/bigquery.user", "roles/storage.admin")  # what functions/terraform needs
GRANTABLE = ("roles/bigquery.jobUser", *TERRAFORM_ROLES)

# The CDK is JavaScript underneath: it runs on the Node of set-up, not on one that the machine may have (an old one
# is warned of at length), and unpacks itself into the checkout, not into the home.
JSII = {
    "JSII_NODE": str(ROOT / ".venv" / "bin" / "node"),
    "JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(ROOT / "build" / "jsii"),
}


class StepFailed(RuntimeError):
    """A command ended with an error; the message says which, and carries the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is done to the clouds, in order: both bootstraps, deploy, destroy. Each writes a log of its own."""

    clouds: Clouds

    def bootstrap_google(self) -> None:
        """Make Google's half of the bootstrap, as an administrator would, and keep the settings it prints."""
        printed = self._run(
            "bootstrap-google", [PYTHON, "-m", "keyless_cli", "bootstrap", *self._bootstrap_arguments()]
        )
        self._settings.write_text(json.dumps({**json.loads(printed), **_local_settings(self.clouds)}))

    def bootstrap_aws(self) -> None:
        """`cdk bootstrap`, from a folder without cdk.json so that it can run beside a synth."""
        policy = "arn:aws:iam::aws:policy/AdministratorAccess"
        command = ["bootstrap", f"aws://{ACCOUNT}/{REGION}", "--cloudformation-execution-policies", policy]
        self._run("cdk-bootstrap", [str(CDK), *command], folder=self.clouds.folder)

    def synth(self) -> None:
        """`cdk synth` of app.py into the run's own folder."""
        settings = f"keyless={self._settings.read_text()}"
        app = f"{PYTHON} app.py"
        self._run("cdk-synth", [str(CDK), "synth", "--quiet", "--app", app, "--output", self._assembly, "-c", settings])

    def deploy(self, assembly: Path | None = None) -> str:
        """`cdk deploy` of what was synthesized, or of another assembly; returns what it printed."""
        command = ["deploy", "--all", "--require-approval", "never", "--progress", "events"]
        return self._run("cdk-deploy", [str(CDK), *command, "--app", str(assembly or self._assembly)])

    def destroy(self) -> None:
        """`cdk destroy` of every stack."""
        self._run("cdk-destroy", [str(CDK), "destroy", "--all", "--force", "--app", self._assembly])

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the stacks were synthesized with."""
        values: dict[str, Any] = json.loads(self._settings.read_text())
        return values

    @property
    def _settings(self) -> Path:
        return self.clouds.folder / "settings.json"

    @property
    def _assembly(self) -> str:
        return str(self.clouds.folder / "cdk.out")

    def _bootstrap_arguments(self) -> list[str]:
        where = ["--project", PROJECT, "--account", ACCOUNT, "--stage", STAGE, "--region", REGION]
        roles = [flag for role in GRANTABLE for flag in ("--grantable-role", role)]
        return [*where, *roles, "--grants-on", "bigquery.datasets", "--json"]

    def _run(self, name: str, command: Sequence[str], *, folder: Path = ROOT) -> str:
        environment = _environment(self.clouds)
        log = self.clouds.folder / f"{name}.log"
        with log.open("ab") as errors:
            result = subprocess.run(  # noqa: S603 -- our own commands
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, check=False,
            )  # fmt: skip
            errors.write(result.stdout)
        if result.returncode:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise StepFailed(
                f"`{Path(command[0]).name} {command[1]}` ended with {result.returncode}.\n{end}\n(all of it: {log})"
            )
        return result.stdout.decode(errors="replace")


def bring_up(deployment: Deployment, steps: Steps) -> None:
    """From two empty clouds to deployed stacks, telling each step."""
    with steps.step("Google's bootstrap: the deployer that CloudFormation will become, without a key"):
        deployment.bootstrap_google()
        events_table.make_table(deployment.clouds.environment)
    with steps.step("`cdk bootstrap`, and `cdk synth` of app.py beside it"), ThreadPoolExecutor() as pool:
        beside = pool.submit(deployment.bootstrap_aws)
        deployment.synth()
        beside.result()
    with steps.step("`cdk deploy`: layer, function and alias here; pool, provider, accounts and bindings there"):
        deployment.deploy()


def _local_settings(clouds: Clouds) -> dict[str, Any]:
    endpoint = clouds.environment["GOOGLE_ENDPOINT"] + "/{service}"
    return {
        "runtime": runtime(),
        "architecture": machine(),
        "google_endpoint": endpoint,
        "provisioned_concurrency": 1,  # the local AWS has no quota that the bootstrap could ask for
        "events_dataset": events_table.DATASET,
        "terraform_roles": list(TERRAFORM_ROLES),
    }


def _environment(clouds: Clouds) -> Mapping[str, str]:
    for name in ("AWS_ENDPOINT_URL", "GOOGLE_ENDPOINT"):
        if urlsplit(clouds.environment[name]).hostname != "127.0.0.1":
            raise StepFailed(f"{name} is not on loopback: this would touch a real cloud. Nothing was done.")
    return {
        **clouds.environment,
        "GOOGLE_OAUTH_ACCESS_TOKEN": clouds.environment["GOOGLE_ADMIN_TOKEN"],
        "KEYLESS_GOOGLE_ENDPOINT": clouds.environment["GOOGLE_ENDPOINT"] + "/{service}",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",  # cdk prints progress to stdout and asks nothing
        **JSII,
        "NO_COLOR": "1",
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{clouds.environment['PATH']}",
    }
