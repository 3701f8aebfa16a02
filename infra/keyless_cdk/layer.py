"""The Keyless layer as a construct: built on this machine, without Docker, before it becomes an asset."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

ROOT = Path(__file__).parents[2]
ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
RUNTIMES = {
    "python3.11": lambda_.Runtime.PYTHON_3_11,
    "python3.12": lambda_.Runtime.PYTHON_3_12,
    "python3.13": lambda_.Runtime.PYTHON_3_13,
    "python3.14": lambda_.Runtime.PYTHON_3_14,
}


class KeylessLayer(lambda_.LayerVersion):
    """A layer for one runtime and architecture; `runtime` and `architecture` are what functions must use with it.

    The first synth for a target fetches its locked wheels; later ones reuse `build/` and need no network.
    """

    def __init__(self, scope: Construct, construct_id: str, *, runtime: str, architecture: str, **layer: Any) -> None:
        self.runtime = RUNTIMES[runtime]
        self.architecture = ARCHITECTURES[architecture]
        super().__init__(
            scope,
            construct_id,
            code=lambda_.Code.from_asset(str(build(runtime, architecture))),
            compatible_runtimes=[self.runtime],
            compatible_architectures=[self.architecture],
            description="Keyless: Google Cloud from AWS Lambda without a service-account key",
            license="MIT",
            **layer,
        )


def build(runtime: str, architecture: str) -> Path:
    """Build the layer's zip unless it is there and current; a failed build raises with its own message shown."""
    target = ROOT / "build" / f"layer-{runtime}-{architecture}"
    command = [sys.executable, str(ROOT / "lambda_layer" / "build.py")]
    command += ["--runtime", runtime, "--architecture", architecture, "--output", str(target)]
    subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 -- our own program
    return target.with_name(target.name + ".zip")
