"""Programs that a smoke test runs: in a group of their own, so that Ctrl-C lets us end them in good order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from keyless_cdk.layer import ROOT
from keyless_cdk.settings import CONTEXT_KEY
from stacks.verify.stage import SmokeStage

CDK = ROOT / "node_modules" / ".bin" / "cdk"
GRACE = 10.0  # seconds
LAST_LINES = 15


class CommandError(RuntimeError):
    """A program ended with an error; the message carries the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Commands:
    """The bootstrap and the CDK for one smoke test; everything they print goes to logs in `folder`."""

    target: SmokeStage
    folder: Path

    def bootstrap(self) -> None:
        """Let the stage's custom resource become the deployer."""
        self._python("bootstrap", "-m", "keyless_cli", "bootstrap", *self.target.bootstrap_arguments, "--json")

    def withdraw(self) -> None:
        """Take that back."""
        self._python("withdraw", "-m", "keyless_cli", "bootstrap", *self.target.bootstrap_arguments, "--withdraw")

    def deploy(self) -> None:
        """`cdk deploy` of the stack."""
        given = {name: value for name, value in asdict(self.target.settings).items() if value not in (None, (), [])}
        warm = json.dumps(bool(given.pop("provisioned_concurrency")))
        context = ["-c", f"{CONTEXT_KEY}={json.dumps(given)}", "-c", f"warm={warm}"]
        app = ["--app", f"{sys.executable} -m stacks.verify.app", "--output", str(self._assembly), *context]
        command = ["deploy", self.target.stack, "--require-approval", "never", "--progress", "events"]
        self._run("cdk-deploy", [str(CDK), *command, *app])

    def destroy(self) -> None:
        """`cdk destroy` of the stack."""
        command = ["destroy", self.target.stack, "--force", "--app", str(self._assembly)]
        self._run("cdk-destroy", [str(CDK), *command])

    def can_destroy(self) -> bool:
        """Whether there is an assembly, from which the CDK knows the stack."""
        return (self._assembly / "manifest.json").is_file()

    @property
    def _assembly(self) -> Path:
        return self.folder / "cdk.out"

    def _python(self, name: str, *arguments: str) -> None:
        self._run(name, [sys.executable, *arguments])

    def _run(self, name: str, command: Sequence[str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        environment = {**os.environ, "PATH": path, "CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "true", "NO_COLOR": "1"}
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- our own commands
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait()
            except BaseException:
                _end(process)
                raise
        if code:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise CommandError(f"{name} ended with {code}.\n{end}\n(all of it: {log})")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
            return
