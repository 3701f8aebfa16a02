"""The layer's build: the same bits each time, what Lambda needs and nothing else, and never half of it."""

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from lambda_layer.build import build
from lambda_layer.build_steps import libraries, record
from lambda_layer.build_steps.programs import BuildError
from lambda_layer.build_steps.target import Target, target_for

ROOT = Path(__file__).parents[2]
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")
OTHER = {"arm64": "x86_64", "x86_64": "arm64"}[ARCHITECTURE]


def program_of(checkout: Path) -> ModuleType:
    """The build program of a checkout, for that checkout; its steps are those of this one."""
    spec = importlib.util.spec_from_file_location(f"build_of_{checkout.name}", checkout / "lambda_layer" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    path = sys.path.copy()
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


pytestmark = pytest.mark.layer_build


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole layer for this machine's Python, built for these tests."""
    output = tmp_path_factory.mktemp("one") / "layer"
    build(RUNTIME, ARCHITECTURE, output)
    return output


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout: the same program, one locked package, one module of ours."""
    only_locked(tmp_path, "six")
    package = tmp_path / "lambda_layer" / "python" / "ours"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("NAME = 'ours'\n")
    shutil.copy(ROOT / "lambda_layer" / "build.py", tmp_path / "lambda_layer")
    shutil.copytree(ROOT / "lambda_layer" / "build_steps", tmp_path / "lambda_layer" / "build_steps")
    return tmp_path


def only_locked(checkout: Path, package: str) -> None:
    """Leave one package in a checkout's lock file."""
    lock = (ROOT / "requirements-layer.lock").read_text()
    found = re.search(rf"^{package}==.*?(?=^\S)", lock + "\nend", re.MULTILINE | re.DOTALL)
    assert found
    (checkout / "requirements-layer.lock").write_text(found[0])


def test_two_builds_in_different_places_are_the_same_bits(layer: Path, tmp_path: Path) -> None:
    second = build(RUNTIME, ARCHITECTURE, tmp_path / "elsewhere" / "other-name")
    assert second.read_bytes() == layer.with_name("layer.zip").read_bytes()


def test_the_zip_holds_what_the_folder_holds(layer: Path) -> None:
    with zipfile.ZipFile(layer.with_name("layer.zip")) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(names) == sorted(str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_file())
    assert all(name.startswith("python/") for name in names)


def test_every_module_has_bytecode_that_does_not_ask_its_sources_age(layer: Path) -> None:
    sources = list(layer.rglob("*.py"))
    assert len(sources) > 500
    for source in sources:
        bytecode = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert bytecode[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(bytecode[4:8], "little") == 0b01, source  # hash-based, unchecked (PEP 552)


def test_what_handlers_import_is_there_without_anything_else(layer: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(layer / "python")!r})
import keyless, google.cloud.bigquery, aws_lambda_powertools.logging, aws_lambda_powertools.metrics
loaded = [module.__file__ for module in (keyless, google.cloud.bigquery, aws_lambda_powertools)]
print(all(file.startswith(sys.path[0]) for file in loaded), "grpc" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout == "True False\n", done.stderr


def test_what_nobody_needs_at_run_time_is_left_out(layer: Path) -> None:
    assert {path.name for path in (layer / "python").iterdir()}.isdisjoint({"grpc", "boto3", "botocore", "bin"})
    assert not [path for path in layer.rglob("*") if path.suffix in {".pyi", ".proto"} or path.name == "RECORD"]


def test_the_layer_is_within_its_budget_and_says_so(layer: Path) -> None:
    made = record.read(layer)
    assert made
    zipped, unzipped = target_for(RUNTIME, ARCHITECTURE).budget
    assert made.zipped == layer.with_name("layer.zip").stat().st_size <= zipped
    assert made.unzipped == sum(path.stat().st_size for path in layer.rglob("*") if path.is_file())
    assert made.unzipped <= unzipped
    assert made.bytecode


def test_an_unchanged_layer_is_not_built_again(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = program_of(checkout)
    zipped = program.build(RUNTIME, ARCHITECTURE)
    assert zipped == checkout / "build" / f"layer-{RUNTIME}-{ARCHITECTURE}.zip"
    assert "MB zipped" in capsys.readouterr().err
    inode = zipped.stat().st_ino
    assert program.build(RUNTIME, ARCHITECTURE).stat().st_ino == inode
    assert capsys.readouterr().err == ""


def test_whatever_decides_the_content_changes_the_digest(checkout: Path) -> None:
    def digest() -> str:
        program = program_of(checkout)
        return str(program.digest_of(target_for(RUNTIME, ARCHITECTURE)))

    steps = sorted(str(path.relative_to(checkout)) for path in checkout.glob("lambda_layer/build_steps/*.py"))
    seen = [digest(), digest()]
    assert len(set(seen)) == 1
    for path in ("lambda_layer/python/ours/__init__.py", "requirements-layer.lock", "lambda_layer/build.py", *steps):
        with (checkout / path).open("a") as file:
            file.write("# changed\n")
        seen.append(digest())
    for added in ("more.py", "data.pem"):
        (checkout / "lambda_layer/python/ours" / added).touch()
        seen.append(digest())
    program = program_of(checkout)
    seen.append(program.digest_of(target_for(RUNTIME, OTHER)))
    assert len(set(seen)) == len(seen) - 1


def test_a_changed_source_is_built_again(checkout: Path) -> None:
    program = program_of(checkout)
    output = checkout / "out"
    program.build(RUNTIME, ARCHITECTURE, output)
    (checkout / "lambda_layer/python/ours/__init__.py").write_text("NAME = 'new'\n")
    program.build(RUNTIME, ARCHITECTURE, output)
    assert "new" in (output / "python/ours/__init__.py").read_text()
    assert sorted(path.name for path in checkout.glob("*out*")) == [".out.lock", "out", "out.json", "out.zip"]


@pytest.mark.parametrize("fault", ["hash", "size", "syntax"])
def test_a_build_that_fails_leaves_what_was_there(checkout: Path, fault: str) -> None:
    program = program_of(checkout)
    output = checkout / "out"
    before = program.build(RUNTIME, ARCHITECTURE, output).read_bytes()
    source = checkout / "lambda_layer/python/ours/__init__.py"
    if fault == "hash":
        lock = checkout / "requirements-layer.lock"
        lock.write_text(re.sub(r"sha256:\w+", "sha256:" + "0" * 64, lock.read_text()))
    elif fault == "size":
        noise = os.urandom(target_for(RUNTIME, ARCHITECTURE).budget[0]).hex()
        source.with_name("large.py").write_text(f"NOISE = '{noise}'\n")
    else:
        source.write_text("NAME =\n")
    said = {"hash": "(?i)hash", "size": "over its budget .* Largest: ours", "syntax": "SyntaxError"}[fault]
    with pytest.raises(BuildError, match=said):
        program.build(RUNTIME, ARCHITECTURE, output)
    assert (checkout / "out.zip").read_bytes() == before
    assert (output / "python/ours/__init__.py").read_text() == "NAME = 'ours'\n"
    assert sorted(path.name for path in checkout.glob("*out*")) == [".out.lock", "out", "out.json", "out.zip"]


@pytest.mark.parametrize("edit", [lambda file: file.write_text("ROOT = 'of a company'\n"), Path.unlink])
def test_what_somebody_edited_in_uvs_cache_does_not_reach_the_layer(
    edit: Callable[[Path], object], checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(checkout / "cache"))
    program = program_of(checkout)
    published = program.build(RUNTIME, ARCHITECTURE, checkout / "one").read_bytes()
    (cached,) = (checkout / "cache").rglob("six.py")
    edit(cached)
    assert program.build(RUNTIME, ARCHITECTURE, checkout / "two").read_bytes() == published
    assert "six.py is not what six-" in capsys.readouterr().err


def test_a_wheel_that_is_not_what_it_says_itself_is_refused(checkout: Path) -> None:
    wheel = checkout / "wrong-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as zipped:
        zipped.writestr("wrong.py", "import this\n")
        zipped.writestr("wrong-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: wrong\nVersion: 1\n")
        zipped.writestr("wrong-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        zipped.writestr("wrong-1.dist-info/RECORD", "wrong.py,sha256=AAAA,12\nwrong-1.dist-info/RECORD,,\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (checkout / "requirements-layer.lock").write_text(f"wrong @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    with pytest.raises(BuildError, match=r"wrong\.py is not what wrong-1\.dist-info says it is, although"):
        program_of(checkout).build(RUNTIME, ARCHITECTURE, checkout / "out")


def test_a_library_for_another_processor_is_refused(layer: Path) -> None:
    assert list((layer / "python").rglob("*.so"))
    libraries.check_machine(target_for(RUNTIME, ARCHITECTURE), layer / "python")
    with pytest.raises(BuildError, match=rf"is not for {OTHER}"):
        libraries.check_machine(target_for(RUNTIME, OTHER), layer / "python")


@pytest.mark.parametrize(("runtime", "has"), [("python3.11", 26), ("python3.13", 34)])
def test_a_library_that_needs_a_newer_glibc_than_the_runtime_has_is_refused(
    runtime: str, has: int, tmp_path: Path
) -> None:
    target = target_for(runtime, "arm64")
    library = tmp_path / "fast.so"
    library.write_bytes(f"\0GLIBC_2.5\0GLIBC_2.{has}\0GLIBC_PRIVATE\0".encode())
    libraries.check_glibc(target, tmp_path)
    library.write_bytes(f"\0GLIBC_2.5\0GLIBC_2.{has + 1}\0".encode())
    with pytest.raises(BuildError, match=rf"fast\.so needs glibc 2\.{has + 1}, and {runtime} runs on 2\.{has}"):
        libraries.check_glibc(target, tmp_path)


def test_a_build_looks_at_the_glibc_of_what_it_packs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = program_of(checkout)
    only_locked(checkout, "google-crc32c")
    assert program.build(RUNTIME, ARCHITECTURE, checkout / "out").is_file()
    monkeypatch.setattr(Target, "glibc", 1)
    with pytest.raises(BuildError, match=rf"needs glibc 2\.\d+, and {RUNTIME} runs on 2\.1"):
        program.build(RUNTIME, ARCHITECTURE, checkout / "other")


def test_make_layer_prints_the_zip_its_sizes_and_its_digest(checkout: Path) -> None:
    shutil.copy(ROOT / "Makefile", checkout)
    venv = f"VENV={Path(sys.executable).parent}"
    command = ["make", "--silent", "-o", "setup", "layer", venv, f"RUNTIME={RUNTIME}", f"ARCH={OTHER}"]
    printed = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.splitlines()
    zipped = checkout / "build" / f"layer-{RUNTIME}-{OTHER}.zip"
    digest = hashlib.sha256(zipped.read_bytes()).hexdigest()
    assert (printed[0], printed[2]) == (str(zipped), f"sha256 {digest}")
    assert re.fullmatch(r"[\d.]+ MB zipped, [\d.]+ MB unzipped, with bytecode", printed[1])


def test_without_the_runtimes_python_it_warns_of_what_that_costs(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    other = "python3.14" if RUNTIME != "python3.14" else "python3.13"
    zipped = program_of(checkout).build(other, "arm64")
    assert f"no {other} on this machine" in capsys.readouterr().err
    assert not json.loads(zipped.with_suffix(".json").read_text())["bytecode"]


def test_the_command_prints_where_the_zip_is_or_why_not(checkout: Path) -> None:
    program = [sys.executable, str(checkout / "lambda_layer" / "build.py"), "--runtime", RUNTIME]
    program += ["--architecture", ARCHITECTURE]
    digest = subprocess.run([*program, "--print-digest"], capture_output=True, text=True, check=True).stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert not (checkout / "build").exists()
    done = subprocess.run([*program, "--output", "here"], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(checkout / "here.zip")
    assert json.loads((checkout / "here.json").read_text())["digest"] == digest
    (checkout / "requirements-layer.lock").write_text("six==0 --hash=sha256:" + "0" * 64)
    failed = subprocess.run([*program, "--output", "here"], cwd=checkout, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.startswith("lambda_layer/build.py: uv failed")
