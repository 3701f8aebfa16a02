"""`python -m keyless exec` as a process: what starts it in tests, and what waits for all of it to be gone."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.google_server import GoogleServer

LAYER = Path(__file__).parents[2] / "lambda_layer" / "python"


@dataclass(frozen=True)
class Exec:
    """Starts commands under `exec` in an environment that uses `google`, with `folder` for temporary files."""

    google: GoogleServer
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> list[str]:
        """What stands before the command."""
        return [sys.executable, "-W", "error", "-m", "keyless", "exec", "--"]

    def environment(self, **more: str) -> dict[str, str]:
        """What `exec` finds, with the container endpoint unless the test has chosen other credentials."""
        chosen = self.environ or self.google.container()
        own = {"PYTHONPATH": str(LAYER), "TMPDIR": str(self.folder), "PATH": os.defpath}
        return {**own, "HOME": str(self.folder), **chosen, **more}

    def run(self, *command: str, text: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, and wait until nothing is left of what was started for it."""
        environment = self.environment(**more)
        done = subprocess.run(
            [*self.prefix, *command], env=environment, input=text, capture_output=True, text=True, timeout=60
        )
        self.wait_until_clean()
        return done

    def start(
        self, *command: str, pass_fds: tuple[int, ...] = (), start_new_session: bool = False
    ) -> "subprocess.Popen[str]":
        """Start a command with pipes for its standard input and output."""
        return subprocess.Popen(
            [*self.prefix, *command],
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
            start_new_session=start_new_session,
        )

    def wait_until_clean(self) -> None:
        """Return when no private folder is left; the daemon removes it a moment after the command's end."""
        self.google.wait_until(lambda: not list(self.folder.glob("keyless-*")))
