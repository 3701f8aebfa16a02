"""A local CodeBuild: runs a project's build on this machine, phase by phase, as its role.

`service` makes the local AWS's StartBuild call it. docs/local-clouds.md tells what it leaves out.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.codebuild.cloud import Cloud, Log
from local.aws.codebuild.credentials import LIFETIME, Endpoint, Vendor
from local.aws.codebuild.environment import Machine, Order, variables
from local.aws.codebuild.record import IN_PROGRESS, Failed, Record
from local.aws.codebuild.shell import Interrupted, Limits, Shell
from local.aws.codebuild.spec import ABORT, CONTINUE, PHASES, InvalidSpec, Phase, Spec
from local.aws.codebuild.storage import NothingToKeep, NotTaken, fetch, keep

logger = logging.getLogger("keyless.codebuild")

CREDENTIALS_LIFETIME = "LOCAL_CREDENTIALS_LIFETIME"
"""A variable of the build: for how many seconds its AWS credentials are good. CodeBuild itself knows no such thing."""

# A failure of these ends the build, unless they say otherwise; BUILD is followed by POST_BUILD and the artifacts.
# https://docs.aws.amazon.com/codebuild/latest/userguide/view-build-details-phases.html
DECISIVE = ("install", "pre_build")


class Build:
    """One build, run on a thread of its own; `shown` may be asked at any time."""

    def __init__(self, order: Order, cloud: Cloud, machine: Machine) -> None:
        self._order, self._cloud, self._machine = order, cloud, machine
        self._log = Log(order.project, order.uuid)
        self._record = Record(self._log)
        self._stop = threading.Event()
        self._deadline = time.monotonic() + 60 * float(order.project["timeoutInMinutes"])
        self._location = ""
        for name in ("SUBMITTED", "QUEUED"):
            with self._record.phase(name):
                pass

    @property
    def active(self) -> bool:
        """Whether it counts against the project's limit."""
        return self._record.status == IN_PROGRESS

    def start(self) -> None:
        """Go, on a thread."""
        threading.Thread(target=self._run, name=self._order.id, daemon=True).start()

    def stop(self) -> None:
        """Have it ended, with all its processes; it is STOPPED a moment later."""
        self._stop.set()

    def shown(self) -> dict[str, Any]:
        """The build as BatchGetBuilds answers it, as far as it is not the project's."""
        return self._record.shown() | ({"artifacts": {"location": self._location}} if self._location else {})

    def _run(self) -> None:
        status = "FAULT"
        try:
            with tempfile.TemporaryDirectory(prefix="codebuild-", ignore_cleanup_errors=True) as folder:
                self._work(Path(folder))
            status = "FAILED" if self._record.failed else "SUCCEEDED"
        except Failed:
            status = "FAILED"
        except Interrupted as interrupted:
            status = interrupted.status
        except Exception:
            logger.exception("%s: the local CodeBuild itself failed", self._order.id)
        finally:
            with self._record.phase("FINALIZING"):
                pass
            self._record.end(status)

    def _work(self, folder: Path) -> None:
        with self._record.phase("PROVISIONING"), told("ACCESS_DENIED"):
            self._log.open(self._cloud)
        with self._record.phase("DOWNLOAD_SOURCE"), told("CLIENT_ERROR"):
            sources = self._fetch(folder)
            source = sources["CODEBUILD_SRC_DIR"]
            spec = self._spec(source)
            home, state = folder / "home", folder / "state"
            home.mkdir()
            state.mkdir(mode=0o700)
            given = variables(self._order, spec, self._cloud, self._machine, sources, home)
        vendor = Vendor(self._cloud.issue, float(given.get(CREDENTIALS_LIFETIME, LIFETIME)))
        with Endpoint(vendor, self._order.project["serviceRole"]) as endpoint:
            own = {**given, **endpoint.variables}
            limits = Limits(self._stop, self._deadline)
            with Shell(f"/bin/{spec.shell}", state, source, own, write=self._log.write, limits=limits) as shell:
                goes_on = self._run_phases(spec, shell)
        if goes_on:
            with self._record.phase("UPLOAD_ARTIFACTS"), told("CLIENT_ERROR"):
                self._keep(spec, source)

    def _fetch(self, folder: Path) -> dict[str, Path]:
        """The folders of all sources, by the variables that name them."""
        project, s3 = self._order.project, self._cloud.client("s3")
        sources = {"CODEBUILD_SRC_DIR": folder / "src"}
        fetch(s3, project["source"], folder / "src")
        for secondary in project.get("secondarySources") or ():
            name = secondary["sourceIdentifier"]
            sources[f"CODEBUILD_SRC_DIR_{name}"] = folder / f"src_{name}"
            fetch(s3, secondary, folder / f"src_{name}")
        return sources

    def _spec(self, source: Path) -> Spec:
        given = self._order.project["source"].get("buildspec") or "buildspec.yml"
        if "\n" in given:
            return Spec.parse(given)
        if not (source / given).is_file():
            raise InvalidSpec(f"YAML file does not exist: {given}")
        return Spec.parse((source / given).read_text())

    def _run_phases(self, spec: Spec, shell: Shell) -> bool:
        """Run the commands of all phases; whether artifacts are kept after them."""
        for name in PHASES:
            phase = spec.phases.get(name, Phase())
            try:
                with self._record.phase(name.upper()):
                    self._check_runtimes(phase, shell)
                    self._run_phase(phase, shell)
            except Failed:
                if phase.on_failure == ABORT or (name in DECISIVE and phase.on_failure != CONTINUE):
                    return False
        return True

    def _run_phase(self, phase: Phase, shell: Shell) -> None:
        """`finally` runs after a failure too, and its own failure fails the phase as well."""
        failure: Failed | None = None
        try:
            for command in phase.commands:
                self._run_command(command.strip(), shell)
        except Failed as failed:
            failure = failed
        for command in phase.finally_:
            self._run_command(command.strip(), shell)
        if failure:
            raise failure

    def _run_command(self, command: str, shell: Shell) -> None:
        self._record.say(f"Running command {command}")
        code = shell.run(command, CODEBUILD_BUILD_SUCCEEDING="0" if self._record.failed else "1")
        if code:
            self._record.say(f"Command did not execute successfully {command} exit status {code}")
            words = f"Error while executing command: {command}. Reason: exit status {code}"
            raise Failed("COMMAND_EXECUTION_ERROR", words)

    def _check_runtimes(self, phase: Phase, shell: Shell) -> None:
        for name, asked in phase.runtimes.items():
            version = shell.variable(asked[1:]) if asked.startswith("$") else asked
            if name != "python":
                raise Failed("CLIENT_ERROR", f"runtime-versions has {name}, and only python is there locally")
            if version != self._machine.python:
                self._record.say(f"WARNING python {version} is asked for, and {self._machine.python} is what runs here")

    def _keep(self, spec: Spec, source: Path) -> None:
        place = self._order.project.get("artifacts") or {}
        if spec.artifacts and place.get("type", "NO_ARTIFACTS") != "NO_ARTIFACTS":
            s3 = self._cloud.client("s3")
            self._location = keep(s3, spec.artifacts, place, source, self._order.uuid, self._order.arn)


@contextmanager
def told(code: str) -> Iterator[None]:
    """Turn what AWS or the specification refuses into a failed phase with `code`."""
    try:
        yield
    except InvalidSpec as error:
        raise Failed("YAML_FILE_ERROR", str(error)) from error
    except (ClientError, BotoCoreError, NotTaken, NothingToKeep) as error:
        raise Failed(code, str(error)) from error
