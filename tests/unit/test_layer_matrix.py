"""The layer for every runtime and architecture, read back from the zips: will it load where it is meant for?"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_layer import matrix
from lambda_layer.build_steps import record
from lambda_layer.build_steps.target import MACHINES, Target

Combination = tuple[str, str]
# Of each runtime: the magic number of its bytecode (PEP 3147), and the minor version of its machine's glibc 2.
MAGIC = {"python3.11": 3495, "python3.12": 3531, "python3.13": 3571, "python3.14": 3627}
GLIBC = {"python3.11": 26, "python3.12": 34, "python3.13": 34, "python3.14": 34}
ELF = {"arm64": (b"\x7fELF\x02\x01", 183), "x86_64": (b"\x7fELF\x02\x01", 62)}
# What manylinux's old names stand for (PEP 599, PEP 571).
MANYLINUX = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
pytestmark = pytest.mark.layer_build


@pytest.fixture(scope="module")
def zips() -> dict[Combination, Path]:
    """All eight, where they lie for `make layer` too: what is there and current is not built again."""
    return matrix.build_all()


def test_there_is_a_layer_for_every_supported_runtime_and_architecture(zips: dict[Combination, Path]) -> None:
    assert set(zips) == {(runtime, architecture) for runtime in MAGIC for architecture in ELF}


@pytest.mark.parametrize("combination", matrix.COMBINATIONS, ids="-".join)
def test_its_libraries_are_for_its_processor_python_and_glibc(
    combination: Combination, zips: dict[Combination, Path]
) -> None:
    runtime, architecture = combination
    libraries = dict(contents(zips[combination], r"\.so(\.|$)"))
    assert len(libraries) > 5
    for name, content in libraries.items():
        magic, machine = ELF[architecture]
        assert (content[:6], int.from_bytes(content[18:20], "little")) == (magic, machine), name
        assert max(map(int, re.findall(rb"\0GLIBC_2\.(\d+)", content))) <= GLIBC[runtime], name
        python = re.search(r"\.cpython-(\d+)-", name)
        assert python is None or python[1] == runtime.removeprefix("python").replace(".", ""), name


@pytest.mark.parametrize("combination", matrix.COMBINATIONS, ids="-".join)
def test_its_wheels_are_for_its_machine(combination: Combination, zips: dict[Combination, Path]) -> None:
    runtime, architecture = combination
    wheels = [content.decode() for _, content in contents(zips[combination], r"\.dist-info/WHEEL$")]
    platforms = [set(re.findall(r"^Tag: \S+-([^-\s]+)$", wheel, re.MULTILINE)) for wheel in wheels]
    compiled = [tags for tags in platforms if tags != {"any"}]
    assert compiled
    for tags in compiled:
        assert all(tag.endswith(MACHINES[architecture]) for tag in tags)
        assert min(map(glibc, tags)) <= GLIBC[runtime], tags


@pytest.mark.parametrize("combination", matrix.COMBINATIONS, ids="-".join)
def test_its_bytecode_is_its_pythons_and_it_says_when_there_is_none(
    combination: Combination, zips: dict[Combination, Path]
) -> None:
    runtime, _ = combination
    magic = {int.from_bytes(content[:2], "little") for _, content in contents(zips[combination], r"\.pyc$")}
    assert magic == ({MAGIC[runtime]} if reported(zips[combination]).bytecode else set())


@pytest.mark.parametrize("combination", matrix.COMBINATIONS, ids="-".join)
def test_it_is_within_the_budget(combination: Combination, zips: dict[Combination, Path]) -> None:
    zipped = zips[combination]
    with zipfile.ZipFile(zipped) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    made = reported(zipped)
    assert (zipped.stat().st_size, unzipped) == (made.zipped, made.unzipped)
    most = Target(*combination, None).budget
    assert (zipped.stat().st_size <= most[0], unzipped <= most[1]) == (True, True)


def test_the_budget_is_what_was_promised() -> None:
    assert Target("python3.13", "arm64", None).budget == (14_000_000, 42_000_000)


def test_the_documented_table_is_the_one_that_make_matrix_writes(zips: dict[Combination, Path]) -> None:
    def names(text: str) -> list[tuple[str, ...]]:
        return re.findall(
            r"^\| `(python\S+)` \| `(\S+)` \| (2\.\d+) \| \d+\.\d MB \| \d+\.\d MB \| (?:yes|no) \|", text, re.M
        )

    written = matrix.DOCUMENT.read_text()
    assert names(written) == names(matrix.table())
    assert [(runtime, architecture) for runtime, architecture, _ in names(written)] == list(matrix.COMBINATIONS)
    assert names(matrix.document(written, matrix.table())) == names(written)


def test_the_readme_has_a_line_of_it_for_each_runtime(zips: dict[Combination, Path]) -> None:
    def runtimes(text: str) -> list[str]:
        size = r"\d+\.\d / \d+\.\d MB(?: \*)?"
        return re.findall(rf"^\| `(python\S+)` \| {size} \| {size} \|$", text, re.M)

    written = matrix.README.read_text()
    assert runtimes(written) == runtimes(matrix.summary()) == list(MAGIC)
    assert runtimes(matrix.document(written, matrix.summary())) == list(MAGIC)


def test_the_readme_tells_the_sizes_of_the_document() -> None:
    rows = re.findall(
        r"^\| `(python\S+)` \| `\S+` \| 2\.\d+ \| (\S+) MB \| (\S+ MB) \| (yes|no) \|",
        matrix.DOCUMENT.read_text(),
        re.M,
    )
    told = [
        (runtime, f"{zipped} / {unzipped}{'' if bytecode == 'yes' else ' *'}")
        for runtime, zipped, unzipped, bytecode in rows
    ]
    readme = re.findall(r"^\| `(python\S+)` \| (.*) \| (.*) \|$", matrix.README.read_text(), re.M)
    assert told == [(runtime, size) for runtime, *sizes in readme for size in sizes]


def test_a_document_without_the_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="not marked"):
        matrix.document("| no | marks |", matrix.table())


def contents(zipped: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """The files of a zip whose names match."""
    with zipfile.ZipFile(zipped) as archive:
        for name in archive.namelist():
            if re.search(pattern, name):
                yield name, archive.read(name)


def reported(zipped: Path) -> record.BuildRecord:
    """What the build said about it."""
    made = record.read(zipped.with_suffix(""))
    assert made
    return made


def glibc(tag: str) -> int:
    """The minor version of glibc 2 that a platform tag names."""
    if new := re.match(r"manylinux_2_(\d+)_", tag):
        return int(new[1])
    return MANYLINUX[tag.partition("_")[0]]
