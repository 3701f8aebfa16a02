"""The bytecode of a layer. /opt is read-only: what is not compiled now is compiled again at every cold start."""

import os
from pathlib import Path

from lambda_layer.build_steps.programs import run
from lambda_layer.build_steps.target import Target

MISSING = (
    "warning: no {runtime} on this machine, so the layer for it has no bytecode. /opt is read-only: every cold start "
    "will compile 40 MB of Python again and take about twice as long. Put {runtime} on PATH and build again."
)


def compile_all(target: Target, packages: Path) -> None:
    """Compile every module with the target's own Python; nothing where this machine has none."""
    if target.interpreter is None:
        return
    # One process: several write their constants in changing order. Unchecked: a zip does not keep a file's age.
    run(target.interpreter, "-S", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
         "-s", str(packages), "-p", "/opt/python", str(packages),
         env={"PATH": os.defpath, "PYTHONHASHSEED": "0"})  # fmt: skip
