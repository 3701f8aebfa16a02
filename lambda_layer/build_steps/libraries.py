"""Check that Lambda can load the shared libraries in a layer. Otherwise they fail only there, at import."""

import re
from pathlib import Path

from lambda_layer.build_steps.programs import BuildError
from lambda_layer.build_steps.target import Target

ELF_MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}


def check_machine(target: Target, packages: Path) -> None:
    """Refuse a shared library for another processor."""
    for library in packages.rglob("*.so*"):
        header = library.read_bytes()[:20]
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != ELF_MACHINES[target.architecture]:
            raise BuildError(f"{library.relative_to(packages)} is not for {target.architecture}")


def check_glibc(target: Target, packages: Path) -> None:
    """Refuse a shared library that asks for symbols of a newer glibc than the runtime has."""
    for library in packages.rglob("*.so*"):
        needed = max((int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", library.read_bytes())), default=0)
        if needed > target.glibc:
            name = library.relative_to(packages)
            raise BuildError(f"{name} needs glibc 2.{needed}, and {target.runtime} runs on 2.{target.glibc}")
