"""Build the layer for one Lambda runtime and architecture, bit by bit the same each time, without Docker.

    python lambda_layer/build.py --runtime python3.13 --architecture arm64

writes build/layer-python3.13-arm64/ (what Lambda lays at /opt) and build/layer-python3.13-arm64.zip, unless
they are there and nothing that went into them has changed. Needs `uv`, and for bytecode the runtime's Python.
"""

import argparse
import base64
import csv
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LOCK = ROOT / "requirements-layer.lock"
SOURCES = HERE / "python"

RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
ELF_MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}

BUDGET = (14_000_000, 42_000_000)
"""Bytes, zipped and unzipped. Lambda fetches and unpacks a layer before it starts anything: size is start-up time."""

BUDGET_311 = (14_200_000, 43_000_000)
"""The same for Python 3.11, whose bytecode is a megabyte larger."""

NOT_NEEDED = ("*.pyi", "*.pyx", "*.pxd", "*.h", "*.c", "*.proto")
NOT_NEEDED_IN_METADATA = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


class BuildError(Exception):
    """The layer could not be built as it should be; the message says what is wrong and what to do."""


WITHOUT_BYTECODE = (
    "warning: no {runtime} on this machine, so the layer for it has no bytecode. /opt is read-only: every cold start "
    "will compile 40 MB of Python again and take about twice as long. Put {runtime} on PATH and build again."
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a layer is for, in Lambda's names, and the Python that compiles it: None leaves the bytecode out."""

    runtime: str
    architecture: str
    interpreter: str | None

    @property
    def version(self) -> str:
        """The minor version of Python, e.g. `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def platform(self) -> str:
        """The platform of the wheels: Python 3.11 runs on Amazon Linux 2 (glibc 2.26), later ones on 2023 (2.34)."""
        libc = "manylinux2014" if self.version == "3.11" else "manylinux_2_28"
        return f"{MACHINES[self.architecture]}-{libc}"

    @property
    def glibc(self) -> int:
        """The minor version of the runtime's glibc 2."""
        return 26 if self.version == "3.11" else 34

    @property
    def budget(self) -> tuple[int, int]:
        """The most bytes that its layer may have, zipped and unzipped."""
        return BUDGET_311 if self.version == "3.11" else BUDGET


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
        made = report(folder) if folder.is_dir() and zipped.is_file() else None
        if made is None or made.digest != digest:
            with tempfile.TemporaryDirectory(prefix=folder.name + ".", dir=folder.parent) as scratch:
                made = _make(target, digest, Path(scratch))
                _replace(folder, Path(scratch), made)
            print(f"{folder.name}: {made}", file=sys.stderr)
    if not made.bytecode:
        print(WITHOUT_BYTECODE.format(runtime=runtime), file=sys.stderr)
    return zipped


def report(folder: Path) -> Report | None:
    """What the last build of `folder` reported; None when there was none."""
    try:
        return Report(**json.loads(_report_file(folder).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def target_for(runtime: str, architecture: str) -> Target:
    """The target with these names, and the Python on this machine that matches it."""
    if runtime not in RUNTIMES or architecture not in MACHINES:
        raise BuildError(
            f"no layer for {runtime} on {architecture}: "
            f"runtimes are {', '.join(RUNTIMES)}, architectures {', '.join(MACHINES)}"
        )
    return Target(runtime, architecture, _interpreter(runtime.removeprefix("python")))


def digest_of(target: Target) -> str:
    """A digest of everything that decides what the layer holds."""
    sources = [path for path in _files(SOURCES) if "__pycache__" not in path.parts]
    compiler = _output(target.interpreter, "-VV") if target.interpreter else "no bytecode"
    digest = hashlib.sha256("\0".join((target.runtime, target.architecture, compiler)).encode())
    for path in (LOCK, Path(__file__), *sources):
        digest.update(f"\0{path.name if path not in sources else path.relative_to(SOURCES)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _make(target: Target, digest: str, scratch: Path) -> Report:
    opt = scratch / "opt"
    packages = opt / "python"
    _install(target, packages)
    _check_records(packages)
    _check_machine(target, packages)
    _check_glibc(target, packages)
    _strip(packages)
    shutil.copytree(SOURCES, packages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    _compile(target, packages)
    zipped = scratch / "layer.zip"
    _zip(opt, zipped)
    made = Report(
        digest=digest,
        zip_sha256=hashlib.sha256(zipped.read_bytes()).hexdigest(),
        zipped=zipped.stat().st_size,
        unzipped=sum(path.stat().st_size for path in _files(opt)),
        bytecode=target.interpreter is not None,
    )
    zipped_most, unzipped_most = target.budget
    if made.zipped > zipped_most or made.unzipped > unzipped_most:
        raise BuildError(
            f"the layer is over its budget of {zipped_most / 1e6:.1f} MB zipped and "
            f"{unzipped_most / 1e6:.1f} MB unzipped: {made}. Largest: {_largest(packages)}"
        )
    return made


def _install(target: Target, packages: Path) -> None:
    """Unpack the locked wheels for the target: nothing is built, resolved or taken without its hash."""
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise BuildError("uv was not found beside this Python or on PATH. Run `make setup`, or install uv")
    _run(uv, "pip", "install", *_uncached(), "--quiet", "--no-config", "--python", sys.executable,
         "--target", str(packages), "--python-platform", target.platform, "--python-version", target.version,
         "--only-binary", ":all:", "--require-hashes", "--no-deps",
         "--link-mode", "copy",  # a hard link would let an edit of the layer reach into uv's cache
         "--requirements", str(LOCK))  # fmt: skip


def _uncached() -> list[str]:
    """uv refuses to work where it may not write its cache: a home that is another's, or none at all."""
    home = Path(os.path.expanduser("~"))
    cache = home / ".cache"
    writable = "UV_CACHE_DIR" in os.environ or os.access(cache if cache.exists() else home, os.W_OK)
    return [] if writable else ["--no-cache"]


def _check_records(packages: Path) -> None:
    """Compare every unpacked file with its wheel's RECORD."""
    for record in sorted(packages.glob("*.dist-info/RECORD")):
        with record.open(newline="") as lines:
            for name, recorded, _ in csv.reader(lines):
                if recorded and recorded != _recorded_as(packages / name, recorded.partition("=")[0]):
                    raise BuildError(f"{name} is not what {record.parent.name} says it is. Clear uv's cache")


def _recorded_as(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, path.read_bytes()).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _check_machine(target: Target, packages: Path) -> None:
    """Refuse a shared library for another processor: it would fail only at import, on Lambda."""
    for library in packages.rglob("*.so*"):
        header = library.read_bytes()[:20]
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") != ELF_MACHINES[target.architecture]:
            raise BuildError(f"{library.relative_to(packages)} is not for {target.architecture}")


def _check_glibc(target: Target, packages: Path) -> None:
    """Refuse a shared library that asks for symbols of a newer glibc than the runtime has: as above."""
    for library in packages.rglob("*.so*"):
        needed = max((int(minor) for minor in re.findall(rb"\0GLIBC_2\.(\d+)", library.read_bytes())), default=0)
        if needed > target.glibc:
            name = library.relative_to(packages)
            raise BuildError(f"{name} needs glibc 2.{needed}, and {target.runtime} runs on 2.{target.glibc}")


def _strip(packages: Path) -> None:
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


def _compile(target: Target, packages: Path) -> None:
    if target.interpreter is None:
        return
    # One process: several write their constants in changing order. Unchecked: a zip does not keep a file's age.
    _run(target.interpreter, "-S", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash",
         "-s", str(packages), "-p", "/opt/python", str(packages),
         env={"PATH": os.defpath, "PYTHONHASHSEED": "0"})  # fmt: skip


def _zip(opt: Path, zipped: Path) -> None:
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(opt):
            path.chmod(0o755 if ".so" in path.suffixes else 0o644)
            entry = zipfile.ZipInfo(str(path.relative_to(opt)), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = path.stat().st_mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _replace(folder: Path, scratch: Path, made: Report) -> None:
    """Put the new layer in the old one's place; the report, written last, is what vouches for it."""
    _report_file(folder).unlink(missing_ok=True)
    if folder.exists():
        folder.rename(scratch / "old")
    (scratch / "opt").rename(folder)
    (scratch / "layer.zip").replace(folder.with_name(folder.name + ".zip"))
    _report_file(folder).write_text(json.dumps(asdict(made), indent=2) + "\n")


def _report_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".json")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _largest(packages: Path) -> str:
    sizes = {top.name: sum(file.stat().st_size for file in _files(top)) for top in packages.iterdir() if top.is_dir()}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    return ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in largest)


def _interpreter(version: str) -> str | None:
    """A Python of this minor version: this one, or `pythonX.Y` on PATH if it really is one."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    # What is found may be a version manager's stand-in: ask it which Python it stands for.
    asked = _output(found, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)") if found else ""
    answered, _, executable = asked.partition(" ")
    return executable if answered == version else None


def _output(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- a Python we found
    return answer.stdout.strip()


def _run(*command: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)  # noqa: S603 -- ours
    if done.returncode:
        raise BuildError(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time builds this folder; the others wait, and then find it built."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """The command line."""
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
        if options.describe and (made := report(zipped.with_suffix(""))):
            print(f"{made}\nsha256 {made.zip_sha256}")
    except BuildError as error:
        sys.exit(f"lambda_layer/build.py: {error}.")


if __name__ == "__main__":
    main()
