"""From a bare Python to everything the commands need: `python3 local/setup.py`, with the standard library only.

Makes .venv (all of requirements.lock), build/runtime (what a Lambda runtime holds besides the layer), node_modules
(the pinned aws-cdk) and the layer for this machine. Whatever is there and current is left alone.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
RUNTIME = BUILD / "runtime"
NODE_MODULES = ROOT / "node_modules"
SUPPORTED = ((3, 11), (3, 14))

Command = tuple[str | Path, ...]


def main() -> None:
    """Run the parts that are missing or out of date, saying what and how long; exit with a remedy on failure."""
    if not SUPPORTED[0] <= sys.version_info[:2] <= SUPPORTED[1]:
        sys.exit(
            f"set-up: Python {platform.python_version()} is not supported: 3.11 to 3.14 are. "
            "Name another one: make PYTHON=python3.13 ..."
        )
    BUILD.mkdir(exist_ok=True)
    _part("Python packages (about 1 GB, once)", VENV, ["requirements-uv.lock", "requirements.lock"], _packages)
    _part("the command `keyless`", VENV / ".keyless", ["pyproject.toml"], _command)
    _part("the local Lambda runtime", RUNTIME, ["requirements-runtime.lock"], _runtime)
    _part("the aws-cdk command line", NODE_MODULES, ["package-lock.json", ".npmrc"], _cdk)
    layer = ROOT / "lambda_layer" / "build.py"
    _run(VENV / "bin" / "python", layer, "--runtime", runtime(), "--architecture", machine())


def runtime() -> str:
    """Lambda's name for this Python: what runs here is what was built."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def machine() -> str:
    """Lambda's name for this machine's architecture."""
    return {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")


def _part(what: str, folder: Path, locks: Sequence[str], make: Callable[[], None]) -> None:
    wanted = _digest([ROOT / lock for lock in locks])
    stamp = folder / ".keyless-setup"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"set-up: {what} ...", flush=True)
    started = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    make()
    folder.mkdir(exist_ok=True)
    stamp.write_text(wanted)
    print(f"set-up: {what}: done in {time.monotonic() - started:.0f} s", flush=True)


def _digest(files: Sequence[Path]) -> str:
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content + platform.python_version().encode() + str(ROOT).encode()).hexdigest()


def _packages() -> None:
    _virtual_environment(VENV, with_pip=True)
    pip: Command = (VENV / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    _run(*pip, "--require-hashes", "-r", ROOT / "requirements-uv.lock")
    _install(VENV, "requirements.lock")


def _command() -> None:
    """Put both source roots on the path of .venv, and `keyless` into its programs, as an editable install."""
    uv: Command = (VENV / "bin" / "uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    _run(*uv, "--python", VENV / "bin" / "python", "--editable", ROOT)


def _runtime() -> None:
    _virtual_environment(RUNTIME, with_pip=False)
    _install(RUNTIME, "requirements-runtime.lock")


def _virtual_environment(folder: Path, *, with_pip: bool) -> None:
    try:
        venv.create(folder, with_pip=with_pip, symlinks=True)
    except subprocess.CalledProcessError:
        sys.exit("set-up: this Python cannot make virtual environments. On Debian: apt-get install python3-venv")


def _install(environment: Path, lock: str) -> None:
    uv: Command = (VENV / "bin" / "uv", "pip", "install", "--quiet", "--compile-bytecode", "--no-deps")
    _run(*uv, "--require-hashes", "--python", environment / "bin" / "python", "-r", ROOT / lock)


def _cdk() -> None:
    path = f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    _run(VENV / "bin" / "npm", "ci", "--no-progress", "--loglevel=error", PATH=path)


def _run(*command: str | Path, **changed: str) -> None:
    words = [str(word) for word in command]
    environment = {**os.environ, **caches(), **changed}
    result = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 -- our own commands
    if result.returncode:
        sys.exit(
            f"set-up: `{' '.join(words)}` failed with exit code {result.returncode}; its own words are above. "
            "Packages come from the registries that pip and npm are configured for: check the network, then repeat."
        )


def caches() -> dict[str, str]:
    """Where the installers may not write into the home (or there is none), they work without their caches."""
    home = Path(os.path.expanduser("~"))
    cache = home / ".cache"
    if os.access(cache if cache.exists() else home, os.W_OK):
        return {}
    elsewhere = {} if home.is_dir() else {"HOME": str(BUILD / "home")}
    return {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1", "npm_config_cache": str(BUILD / "npm"), **elsewhere}


if __name__ == "__main__":
    main()
