"""The target of a layer: one of Lambda's runtimes, on one of its architectures."""

import shutil
import sys
from dataclasses import dataclass

from lambda_layer.build_steps.programs import BuildError, printed_by

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

BUDGET = (14_000_000, 42_000_000)
"""Bytes, zipped and unzipped. Lambda fetches and unpacks a layer before it starts anything: size is start-up time."""

BUDGET_311 = (14_200_000, 43_000_000)
"""The same for Python 3.11, whose bytecode is a megabyte larger."""


@dataclass(frozen=True, slots=True)
class Target:
    """Runtime and architecture by Lambda's names, and the Python that compiles the layer; None: no bytecode."""

    runtime: str
    architecture: str
    interpreter: str | None

    @property
    def version(self) -> str:
        """The minor version of Python, e.g. `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def platform(self) -> str:
        """The platform of the wheels: Python 3.11 runs on Amazon Linux 2 (glibc 2.26), later ones on 2023 (2.34)."""
        libc = "manylinux2014" if self.version == "3.11" else "manylinux_2_28"
        return f"{MACHINES[self.architecture]}-{libc}"

    @property
    def glibc(self) -> int:
        """The minor version of the runtime's glibc 2."""
        return 26 if self.version == "3.11" else 34

    @property
    def budget(self) -> tuple[int, int]:
        """The most bytes that its layer may have, zipped and unzipped."""
        return BUDGET_311 if self.version == "3.11" else BUDGET


def target_for(runtime: str, architecture: str) -> Target:
    """Return the target with these names, and the Python on this machine that matches it."""
    if runtime not in RUNTIMES or architecture not in MACHINES:
        raise BuildError(
            f"no layer for {runtime} on {architecture}: "
            f"runtimes are {', '.join(RUNTIMES)}, architectures {', '.join(MACHINES)}"
        )
    return Target(runtime, architecture, _interpreter(runtime.removeprefix("python")))


def _interpreter(version: str) -> str | None:
    """Return a Python of this minor version: this one, or `pythonX.Y` on PATH if it really is one."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # What is found may be a version manager's stand-in: ask it which Python it stands for.
    asked = (
        printed_by(found, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)") if found else ""
    )
    answered, _, executable = asked.partition(" ")
    return executable if answered == version else None
