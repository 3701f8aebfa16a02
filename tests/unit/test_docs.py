"""What the documents say there is, is there: files, headings, commands and their flags, targets of make."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from keyless_cli.__main__ import COMMANDS as KEYLESS
from local.__main__ import COMMANDS as LOCAL

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING")), *ROOT.glob("docs/*.md")]
)
PROGRAMS = sorted(
    path
    for folder in ("examples", "functions", "infra", "lambda_layer/python", "local")
    for suffix in ("py", "sh", "tf", "yaml", "yml")
    for path in ROOT.glob(f"{folder}/**/*.{suffix}")
)
MAKEFILE = (ROOT / "Makefile").read_text()
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([\w-]+))?\)")
# A line's end may be escaped, and a command may end where the text or the string around it does.
COMMAND = re.compile(
    rf"(?:python3? -m (?P<module>\w[\w.]*\w)|(?<![\w./-])(?:\.venv/bin/)?keyless (?P<command>{'|'.join(KEYLESS)})\b)"
    r"(?P<words>(?:\\\n|[^`\n\"|>;)])*)"
)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
CODE = re.compile(r"^(?:    |```).*?make ([a-z-]+)|`make ([a-z-]+)", re.MULTILINE)
PACKAGES = ("examples", "keyless", "keyless_cli", "lambda_layer", "local", "stacks", "tests")
SUBCOMMANDS = {"keyless": {"doctor", "exec"}, "keyless_cli": set(KEYLESS), "local": set(LOCAL)}
WITHOUT_FLAGS = {("local", name) for name in ("demo", "up", "down", "invoke", "send")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for file, heading in LINK.findall(document.read_text()):
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{document.name}: {file}"
        if heading:
            assert heading in headings(target), f"{document.name}: {file}#{heading}"


@pytest.mark.parametrize("heading", ["a-project-for-identities-and-others-for-data", "is-it-whole-and-current"])
def test_headings_are_found_as_a_browser_finds_them(heading: str) -> None:
    assert heading in headings(ROOT / "docs" / "bootstrap.md")


def test_every_document_is_linked_from_another() -> None:
    linked = {
        (document.parent / file).resolve()
        for document in DOCUMENTS
        for file, _ in LINK.findall(document.read_text())
        if file and (document.parent / file).resolve() != document
    }
    assert set(ROOT.glob("docs/*.md")) <= linked


def test_every_document_that_a_program_names_exists() -> None:
    for path in PROGRAMS:
        for name in re.findall(r"docs/[\w-]+\.md", path.read_text()):
            assert (ROOT / name).is_file(), f"{path.relative_to(ROOT)}: {name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_has_every_target_that_is_named(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = {one or other for one, other in CODE.findall(document.read_text())}
    assert named <= targets


def test_every_command_can_be_run_and_knows_its_flags() -> None:
    for path in (*DOCUMENTS, ROOT / "Makefile", *PROGRAMS):
        for command, flags in commands(path.read_text()):
            assert find_spec(command[0]), f"{path.relative_to(ROOT)}: {command[0]}"
            assert flags <= known(command), f"{path.relative_to(ROOT)}: {' '.join(command)}"


def test_a_flag_that_is_gone_and_a_command_that_there_never_was_are_seen() -> None:
    told = "    .venv/bin/keyless bootstrap --project P \\\n        --dataset-grants\n`python -m local upp`"
    (bootstrap, flags), (local, _) = commands(told)
    assert flags - known(bootstrap) == {"--dataset-grants"}
    with pytest.raises(AssertionError, match="upp"):
        known(local)


@pytest.mark.parametrize("command", [*(("keyless_cli", name) for name in KEYLESS), ("stacks.verify",)], ids=" ".join)
def test_every_flag_is_told_of(command: tuple[str, ...]) -> None:
    told = "".join(document.read_text() for document in DOCUMENTS)
    assert known(command) - {"--help"} - set(FLAG.findall(told)) == set()


def headings(document: Path) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    found = re.findall(r"^#+ +(.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def commands(text: str) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Each of our commands in a text, with the flags that it is given; what a command runs in turn has its own."""
    for match in COMMAND.finditer(text):
        words = match["words"].replace("\\\n", " ").partition(" -- ")[0]
        module = match["module"] or "keyless_cli"
        first = [match["command"]] if match["command"] else words.split()[:1]
        name = (module, *first) if module in SUBCOMMANDS else (module,)
        if module.partition(".")[0] in PACKAGES and "{" not in name[-1]:
            yield name, set(FLAG.findall(words))


@cache
def known(command: tuple[str, ...]) -> set[str]:
    """The flags in a command's help."""
    assert command[0] not in SUBCOMMANDS or command[-1] in SUBCOMMANDS[command[0]] | {command[0], "COMMAND"}, command
    if command in WITHOUT_FLAGS or command[-1] in {"lambda_layer.matrix", "examples.cdk.app", "COMMAND"}:
        return set()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-m", *command, "--help"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    return set(FLAG.findall(done.stdout))
