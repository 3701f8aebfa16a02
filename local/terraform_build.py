"""The demo's build: CodeBuild starts Terraform, which makes things on Google, followed phase by phase."""

import socket
import time
from collections.abc import Iterator, Mapping
from itertools import dropwhile
from typing import Any

from local import terraform
from local.deployment import STAGE
from local.invoke import client
from local.steps import Steps

PROJECT = f"keyless-terraform-{STAGE}"
PHASES = {
    "INSTALL": "Starting a CodeBuild build; it takes Terraform",
    "PRE_BUILD": "`keyless exec -- terraform init`: the state and its lock are in S3",
    "BUILD": "`keyless exec -- terraform plan`, and apply of exactly that plan, on Google",
}
RELEASES = ("releases.hashicorp.com", "registry.terraform.io")
PATIENCE = 110.0  # seconds for all of it: a provider is 100 MB


class BuildFailed(RuntimeError):
    """The build did not succeed; the message carries the end of its log."""


def apply(environment: Mapping[str, str], steps: Steps) -> list[str]:
    """Run the deployed build, telling each phase; its outputs, or why it was not run.

    Raises `BuildFailed`.
    """
    try:
        variables = {"TERRAFORM_LOCKFILE": "", **_taken(terraform.find())}
    except terraform.Unavailable as missing:
        if not _reachable():
            return [f"Not shown: {missing}.", "HashiCorp's servers, from where a build takes both, do not answer."]
        variables = {}
    codebuild = client("codebuild", environment)
    given = [{"name": name, "value": value} for name, value in variables.items()]
    build = codebuild.start_build(projectName=PROJECT, environmentVariablesOverride=given)["build"]
    deadline = time.monotonic() + PATIENCE
    for phase, what in PHASES.items():
        with steps.step(what):
            build = _after(codebuild, build["id"], phase, deadline)
            if (status := _status(build, phase)) != "SUCCEEDED":
                told = "\n".join(_log(environment, build)[-20:])
                raise BuildFailed(f"The build {status or 'did not end'} in the phase {phase}:\n{told}")
    return list(_outputs(_log(environment, build)))


def _taken(found: terraform.Terraform) -> Mapping[str, str]:
    return {"TERRAFORM_BINARY": str(found.binary), **found.environment}


def _reachable() -> bool:
    """Whether what the buildspec pins can be fetched."""
    try:
        for host in RELEASES:
            socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True


def _after(codebuild: Any, build_id: str, phase: str, deadline: float) -> dict[str, Any]:
    """The build once `phase` has ended, or the build itself."""
    while True:
        build: dict[str, Any] = codebuild.batch_get_builds(ids=[build_id])["builds"][0]
        if _status(build, phase) or build["buildStatus"] != "IN_PROGRESS" or time.monotonic() > deadline:
            return build
        time.sleep(0.2)


def _status(build: Mapping[str, Any], phase: str) -> str:
    return next((one.get("phaseStatus", "") for one in build["phases"] if one["phaseType"] == phase), "")


def _outputs(log: list[str]) -> Iterator[str]:
    """What Terraform counted, and its outputs."""
    yield from (line for line in log if line.startswith("Apply complete!"))
    yield from (line for line in list(dropwhile(lambda line: line != "Outputs:", log))[1:] if " = " in line)


def _log(environment: Mapping[str, str], build: Mapping[str, Any]) -> list[str]:
    where = {"logGroupName": build["logs"]["groupName"], "logStreamName": build["logs"]["streamName"]}
    events = client("logs", environment).get_log_events(**where, startFromHead=True)["events"]
    return [event["message"].rstrip("\n") for event in events]
