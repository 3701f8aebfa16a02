"""Build the layer for one Lambda runtime and architecture, bit by bit the same each time, without Docker.

    python lambda_layer/build.py --runtime python3.13 --architecture arm64

writes build/layer-python3.13-arm64/ (what Lambda lays at /opt) and build/layer-python3.13-arm64.zip, unless
they are there and nothing that went into them has changed. Needs `uv`, and for bytecode the runtime's Python.
"""

import argparse
import fcntl
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # run by its path, a program finds only what lies beside it

from lambda_layer.build_steps import archive, bytecode, libraries, record, wheels
from lambda_layer.build_steps.programs import BuildError, printed_by
from lambda_layer.build_steps.target import MACHINES, RUNTIMES, Target, target_for

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCK = ROOT / "requirements-layer.lock"
SOURCES = HERE / "python"
PROGRAM = (HERE / "build.py", *sorted((HERE / "build_steps").glob("*.py")))


def build(runtime: str, architecture: str, output: Path | None = None) -> Path:
    """Build the layer unless it is there and current, and return its zip file.

    `output` is the folder to fill (default: build/layer-RUNTIME-ARCHITECTURE); the zip lies beside it. A
    build that fails raises BuildError and leaves what was there before.
    """
    target = target_for(runtime, architecture)
    folder = (output or ROOT / "build" / f"layer-{runtime}-{architecture}").resolve()
    zipped = folder.with_name(folder.name + ".zip")
    digest = digest_of(target)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        made = record.read(folder) if folder.is_dir() and zipped.is_file() else None
        if made is None or made.digest != digest:
            with tempfile.TemporaryDirectory(prefix=folder.name + ".", dir=folder.parent) as scratch:
                made = _make(target, digest, Path(scratch))
                _replace(folder, Path(scratch), made)
            print(f"{folder.name}: {made}", file=sys.stderr)
    if not made.bytecode:
        print(bytecode.MISSING.format(runtime=runtime), file=sys.stderr)
    return zipped


def digest_of(target: Target) -> str:
    """Return a digest of all inputs of the layer."""
    sources = [path for path in archive.files(SOURCES) if "__pycache__" not in path.parts]
    compiler = printed_by(target.interpreter, "-VV") if target.interpreter else "no bytecode"
    digest = hashlib.sha256("\0".join((target.runtime, target.architecture, compiler)).encode())
    for path in (LOCK, *PROGRAM, *sources):
        digest.update(f"\0{path.name if path not in sources else path.relative_to(SOURCES)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _make(target: Target, digest: str, scratch: Path) -> record.BuildRecord:
    opt, zipped = scratch / "opt", scratch / "layer.zip"
    packages = opt / "python"
    wheels.install(target, LOCK, packages)
    libraries.check_machine(target, packages)
    libraries.check_glibc(target, packages)
    wheels.strip(packages)
    shutil.copytree(SOURCES, packages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    bytecode.compile_all(target, packages)
    archive.pack(opt, zipped)
    made = record.BuildRecord(
        digest=digest,
        zip_sha256=hashlib.sha256(zipped.read_bytes()).hexdigest(),
        zipped=zipped.stat().st_size,
        unzipped=archive.size(opt),
        bytecode=target.interpreter is not None,
    )
    _check_size(target, made, packages)
    return made


def _check_size(target: Target, made: record.BuildRecord, packages: Path) -> None:
    zipped, unzipped = target.budget
    if made.zipped > zipped or made.unzipped > unzipped:
        raise BuildError(
            f"the layer is over its budget of {zipped / 1e6:.1f} MB zipped and "
            f"{unzipped / 1e6:.1f} MB unzipped: {made}. Largest: {archive.largest(packages)}"
        )


def _replace(folder: Path, scratch: Path, made: record.BuildRecord) -> None:
    """Put the new layer in the old one's place; the record, written last, is what vouches for it."""
    record.beside(folder).unlink(missing_ok=True)
    if folder.exists():
        folder.rename(scratch / "old")
    (scratch / "opt").rename(folder)
    (scratch / "layer.zip").replace(folder.with_name(folder.name + ".zip"))
    record.write(folder, made)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time builds this folder; the others wait, and then find it built."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", default="python3.13", choices=RUNTIMES)
    parser.add_argument("--architecture", default="arm64", choices=tuple(MACHINES))
    parser.add_argument("--output", type=Path, help="the folder to fill; the zip lies beside it")
    parser.add_argument("--describe", action="store_true", help="print the zip's size and SHA-256 as well")
    parser.add_argument("--print-digest", action="store_true", help="print what identifies the inputs; build nothing")
    options = parser.parse_args()
    try:
        if options.print_digest:
            print(digest_of(target_for(options.runtime, options.architecture)))
            return
        zipped = build(options.runtime, options.architecture, options.output)
        print(zipped)
        if options.describe and (made := record.read(zipped.with_suffix(""))):
            print(f"{made}\nsha256 {made.zip_sha256}")
    except BuildError as error:
        sys.exit(f"lambda_layer/build.py: {error}.")


if __name__ == "__main__":
    main()
