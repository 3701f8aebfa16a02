"""Stands for /var/runtime/bootstrap.py: sets up Python's search path as Lambda does, then runs awslambdaric.

Run as a script inside the function's environment, with one argument: where /opt is.
"""

import os
import site
import sys


def main(opt: str) -> None:
    """Search the function first, then the layers, then the runtime; poll for invocations until killed."""
    task = os.environ["LAMBDA_TASK_ROOT"]
    layers = [
        f"{opt}/python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages",
        f"{opt}/python",
    ]
    if "PYTHONPATH" not in os.environ:
        sys.path[:0] = layers
        os.environ["PYTHONPATH"] = os.environ["LAMBDA_RUNTIME_DIR"]
    else:
        layers = []
    sys.path.insert(0, task)
    for folder in (task, *layers):
        site.addsitedir(folder)

    from awslambdaric.__main__ import main as run  # type: ignore[import-untyped] # it ships no types

    run(["bootstrap", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main(sys.argv[1])
