"""The layers of a function as one folder: what lies at /opt."""

import hashlib
import io
import os
import tempfile
import threading
import zipfile
from pathlib import Path

from local.aws.functions.variables import FunctionConfig
from local.aws.internals import lambda_svc

_extraction = threading.Lock()


def layer_tree(config: FunctionConfig) -> Path:
    """A folder with the function's layers, later ones over earlier ones; made once for each combination."""
    archives = [a for a in map(lambda_svc._resolve_layer_zip, config.get("Layers") or []) if a]
    digest = hashlib.sha256(b"".join(hashlib.sha256(archive).digest() for archive in archives)).hexdigest()
    tree = Path(tempfile.gettempdir(), "layers", digest)
    with _extraction:
        if not tree.exists():
            unfinished = tree.with_suffix(".unfinished")
            unfinished.mkdir(parents=True)
            for archive in archives:
                with zipfile.ZipFile(io.BytesIO(archive)) as content:
                    lambda_svc._extract_zip_preserving_mode(content, os.fspath(unfinished))
            unfinished.rename(tree)
    return tree
