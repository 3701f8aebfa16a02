"""The demo's build: CodeBuild starts Terraform, which makes things on Google, followed phase by phase."""

import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from itertools import dropwhile
from queue import Empty, Queue
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
PATIENCE = 60.0  # seconds for a phase that downloads nothing
DOWNLOADED = 110.0  # seconds after the demo began in which all is to be downloaded: a provider is 100 MB
ANSWERED = 4.0  # seconds in which HashiCorp's servers are to answer
NO_PROVIDER = re.compile(r"Error: Failed to (install provider|query available provider packages)")


class BuildFailed(RuntimeError):
    """The build did not succeed; the message carries the end of its log."""


class NotDownloaded(RuntimeError):
    """Terraform or its provider did not come, or not in time; the message says why."""


def apply(environment: Mapping[str, str], steps: Steps) -> list[str]:
    """Run the deployed build, telling each phase; its outputs, or why it was not run.

    Raises `BuildFailed`.
    """
    try:
        variables, downloads = {"TERRAFORM_LOCKFILE": "", **_taken(terraform.find())}, 0.0
    except terraform.Unavailable as missing:
        unavailable = missing
        if not _reachable():
            return [f"Not shown: {missing}.", "HashiCorp's servers, from where a build takes both, do not answer."]
        variables, downloads = {}, time.monotonic() - steps.elapsed + DOWNLOADED
    codebuild = client("codebuild", environment)
    given = [{"name": name, "value": value} for name, value in variables.items()]
    build = codebuild.start_build(projectName=PROJECT, environmentVariablesOverride=given)["build"]
    try:
        for phase, what in PHASES.items():
            with steps.step(what):
                limited = downloads and phase != "BUILD"
                build = _after(codebuild, build["id"], phase, downloads if limited else time.monotonic() + PATIENCE)
                _require_success(build, phase, _log(environment, build), downloads=bool(downloads))
    except NotDownloaded as problem:
        codebuild.stop_build(id=build["id"])
        return [f"Not shown: {unavailable}.", str(problem)]
    return list(_outputs(_log(environment, build)))


def _require_success(build: Mapping[str, Any], phase: str, log: list[str], *, downloads: bool) -> None:
    """Nothing if the phase succeeded. A network that is slow or forbids it is no fault of the build's."""
    status = _status(build, phase)
    if status == "SUCCEEDED":
        return
    end, said = "\n".join(log[-20:]), "\n".join([line for line in log if not line.startswith("[Container]")][-8:])
    if downloads and phase != "BUILD" and not status:
        raise NotDownloaded("From HashiCorp's servers, from where a build takes both, they did not come in time.")
    if downloads and (phase == "INSTALL" or NO_PROVIDER.search(end)):
        raise NotDownloaded(f"A build takes both from HashiCorp's servers, and could not:\n{said}")
    raise BuildFailed(f"The build {status or 'did not end'} in the phase {phase}:\n{end}")


def _taken(found: terraform.Terraform) -> Mapping[str, str]:
    return {"TERRAFORM_BINARY": str(found.binary), **found.environment}


def _reachable() -> bool:
    """Whether what the buildspec pins can be fetched. A name may take long to resolve, and have many addresses."""
    answers: Queue[bool] = Queue()
    for host in RELEASES:
        threading.Thread(target=_reach, args=(host, answers), daemon=True).start()
    deadline = time.monotonic() + ANSWERED
    try:
        return all([answers.get(timeout=max(0.0, deadline - time.monotonic())) for _ in RELEASES])
    except Empty:
        return False


def _reach(host: str, answers: Queue[bool]) -> None:
    try:
        socket.create_connection((host, 443), timeout=ANSWERED).close()
    except OSError:
        answers.put(False)
    else:
        answers.put(True)


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
