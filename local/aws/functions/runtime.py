"""The interpreter that runs the functions, and how far it can be shut into an environment like Lambda's."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.aws.functions.launch import ISOLATIONS, NO_ISOLATION

HERE = Path(__file__).parent
LAUNCHER = HERE / "launch.py"
DEFAULT_PYTHON = HERE.parents[2] / "build" / "runtime" / "bin" / "python"


class RuntimeMissing(RuntimeError):
    """There is no interpreter with Lambda's runtime client where one was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """An interpreter that has awslambdaric, its `X.Y` version, and the isolation that works on this machine."""

    python: Path
    version: str
    isolation: str

    @classmethod
    def find(cls, python: Path) -> "Runtime":
        """Ask the interpreter itself; raise `RuntimeMissing` with what to do when it cannot run functions."""
        if not python.exists():
            raise RuntimeMissing(
                f"no Python for the local Lambda runtime at {python}: it is not there. Make one with "
                f"`python3 -m venv {python.parent.parent}` and "
                f"`uv pip install --python {python} --require-hashes -r requirements-runtime.lock`."
            )
        version = _ask(python, "-c", "import sys, awslambdaric; print('%d.%d' % sys.version_info[:2])")
        return cls(python=python, version=version, isolation=_best_isolation(python))

    @property
    def notice(self) -> str:
        """One line for the log: what the functions get, and what they lack."""
        mode = ISOLATIONS[self.isolation]
        return f"functions run on Python {self.version} ({self.python}); layers: {mode}"


def _ask(python: Path, *arguments: str) -> str:
    answer = subprocess.run([python, *arguments], capture_output=True, text=True, env={}, check=False)  # noqa: S603
    if answer.returncode != 0:
        raise RuntimeMissing(
            f"{python} cannot run functions: {answer.stderr.strip().splitlines()[-1:]}. Install its packages "
            f"with `uv pip install --python {python} --require-hashes -r requirements-runtime.lock`."
        )
    return answer.stdout.strip()


def _best_isolation(python: Path) -> str:
    """The first kind that this user and kernel allow: containers and hardened hosts may forbid them all."""
    for isolation in ISOLATIONS:
        plan = json.dumps({"isolation": isolation, "probe": True})
        probe = [str(python), "-I", "-S", str(LAUNCHER), plan]
        if subprocess.run(probe, capture_output=True, env={}, check=False).returncode == 0:  # noqa: S603
            return isolation
    return NO_ISOLATION
