"""The code of the custom resource's function: its handler, and the engine without the CEL evaluator."""

import atexit
import shutil
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from keyless_cdk.layer import ROOT

NOT_ON_LAMBDA = shutil.ignore_patterns("__pycache__", "*.pyc", "conditions")


@cache
def bundle() -> str:
    """Return a folder that holds the packages `gcp_federation` and `keyless_federation`.

    The CDK copies it while the function is constructed; it is removed when the process ends.
    """
    folder = Path(tempfile.mkdtemp(prefix="keyless-bundle-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for source in (ROOT / "functions" / "gcp_federation", _folder_of("keyless_federation")):
        shutil.copytree(source, folder / source.name, ignore=NOT_ON_LAMBDA)
    return str(folder)


def _folder_of(package: str) -> Path:
    """Return where a package lies, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"The package {package} is not installed", name=package)
    return Path(spec.origin).parent
