"""The locked wheels of a target: fetched, compared with what they say they hold, and stripped of the rest."""

import base64
import csv
import hashlib
import os
import shutil
import sys
from pathlib import Path

from lambda_layer.build_steps.programs import BuildError, run
from lambda_layer.build_steps.target import Target

NOT_NEEDED = ("*.pyi", "*.pyx", "*.pxd", "*.h", "*.c", "*.proto")
NOT_NEEDED_IN_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


def install(target: Target, lock: Path, packages: Path) -> None:
    """Unpack the locked wheels for the target: nothing is built, resolved or taken without its hash.

    uv's cache holds them unpacked, and somebody may have edited them there: where a company opens TLS, a program
    adds its root to every certifi that it finds. A layer holds what was published, so they are fetched once more.
    """
    _unpack(target, lock, packages, *_uncached())
    if edited := not_as_recorded(packages):
        print(f"{edited}: somebody edited it in uv's cache. Fetching the layer's wheels anew ...", file=sys.stderr)
        shutil.rmtree(packages)
        _unpack(target, lock, packages, "--no-cache")
    if edited := not_as_recorded(packages):
        raise BuildError(f"{edited}, although it was just fetched. See where uv takes its packages from")


def _unpack(target: Target, lock: Path, packages: Path, *options: str) -> None:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise BuildError("uv was not found beside this Python or on PATH. Run `make setup`, or install uv")
    run(uv, "pip", "install", *options, "--quiet", "--no-config", "--python", sys.executable,
         "--target", str(packages), "--python-platform", target.platform, "--python-version", target.version,
         "--only-binary", ":all:", "--require-hashes", "--no-deps",
         "--link-mode", "copy",  # a hard link would let an edit of the layer reach into uv's cache
         "--requirements", str(lock))  # fmt: skip


def _uncached() -> list[str]:
    """uv refuses to work where it may not write its cache: a home that is another's, or none at all."""
    home = Path(os.path.expanduser("~"))
    cache = home / ".cache"
    writable = "UV_CACHE_DIR" in os.environ or os.access(cache if cache.exists() else home, os.W_OK)
    return [] if writable else ["--no-cache"]


def not_as_recorded(packages: Path) -> str:
    """Return a sentence on an unpacked file that differs from its wheel's RECORD; "" when there is none."""
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        with record.open(newline="") as lines:
            for name, recorded, _ in csv.reader(lines):
                if recorded and recorded != _recorded_as(packages / name, recorded.partition("=")[0]):
                    return f"{name} is not what {record.parent.name} says it is"
    return ""


def _recorded_as(path: Path, algorithm: str) -> str | None:
    if not path.is_file():
        return None
    digest = hashlib.new(algorithm, path.read_bytes()).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def strip(packages: Path) -> None:
    """Leave out what nobody needs at run time."""
    shutil.rmtree(packages / "bin", ignore_errors=True)
    (packages / ".lock").unlink(missing_ok=True)
    for pattern in NOT_NEEDED:
        for path in packages.rglob(pattern):
            path.unlink()
    for tests in ("certifi/tests", "google/protobuf/testdata"):
        shutil.rmtree(packages / tests, ignore_errors=True)
    for metadata in packages.glob("*.dist-info"):
        for name in NOT_NEEDED_IN_METADATA:
            (metadata / name).unlink(missing_ok=True)
