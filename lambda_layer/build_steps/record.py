"""What a build reports, beside the layer that it made: it vouches for that layer."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was built: from what (`digest` of all that went in), what came out, and its sizes in bytes."""

    digest: str
    zip_sha256: str
    zipped: int
    unzipped: int
    bytecode: bool

    def __str__(self) -> str:
        bytecode = "with" if self.bytecode else "WITHOUT"
        return f"{self.zipped / 1e6:.1f} MB zipped, {self.unzipped / 1e6:.1f} MB unzipped, {bytecode} bytecode"


def read(folder: Path) -> Report | None:
    """What the last build of `folder` reported; None when there was none."""
    try:
        return Report(**json.loads(beside(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(folder: Path, made: Report) -> None:
    """Report the build of `folder`."""
    beside(folder).write_text(json.dumps(asdict(made), indent=2) + "\n")


def beside(folder: Path) -> Path:
    """Where the report on `folder` lies."""
    return folder.with_name(folder.name + ".json")
