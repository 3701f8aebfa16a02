"""The record of a build, in a file beside the layer: it vouches for that layer."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """What was built: the `digest` of all inputs, the hash of the zip, and sizes in bytes."""

    digest: str
    zip_sha256: str
    zipped: int
    unzipped: int
    bytecode: bool

    def __str__(self) -> str:
        bytecode = "with" if self.bytecode else "WITHOUT"
        return f"{self.zipped / 1e6:.1f} MB zipped, {self.unzipped / 1e6:.1f} MB unzipped, {bytecode} bytecode"


def read(folder: Path) -> BuildRecord | None:
    """Return the record of the last build of `folder`; None when there was none."""
    try:
        return BuildRecord(**json.loads(beside(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, made: BuildRecord) -> None:
    """Write the record of the build of `folder`."""
    beside(folder).write_text(json.dumps(asdict(made), indent=2) + "\n")


def beside(folder: Path) -> Path:
    """Return the path of the record of `folder`."""
    return folder.with_name(folder.name + ".json")
