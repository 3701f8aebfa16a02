#!/usr/bin/env python3
"""Does a bare machine do? A fresh clone, an empty home and only Debian's own programs: `make demo` and `make test`.

Run from a checkout, with the standard library only; what is committed is what is tried. As root it tries root, with
an old Node first on the PATH, and an ordinary user, with none and with a home that is not theirs to write; else the
user who runs it. A compiler or a tool of yours that the commands secretly need is not on the PATH, and no variable
is set but those that say where packages and certificates come from. root runs the demo only. The other's `make test`
is CI's run of the tests: one that is skipped there without the mark `needs` fails (tests/conftest.py), and those with
the mark run on the full machine afterwards.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
FOLDERS = (Path("/usr/bin"), Path("/bin"), Path("/usr/sbin"), Path("/sbin"))
INSTALLED = ("python3", "python3-venv", "make", "git")  # as README.md says
KEPT = re.compile(r"cert|ca_bundle|cainfo|^(pip|uv|npm_config)_|_proxy$", re.IGNORECASE)
ROWS = re.compile(r"^    \w[\w ]* +[\d,]+$", re.MULTILINE)
OLD_NODE = """#!/bin/sh
test "$*" != --version || exec echo v10.24.1
echo "This Node is too old for anything: $0 $*" >&2
exit 1
"""
ISOLATION = "from local.aws.functions.runtime import *; print(Runtime.find(DEFAULT_PYTHON).notice)"


@dataclass(frozen=True, slots=True)
class Machine:
    """One user's view of a bare machine: a clone, a home and a PATH of their own."""

    name: str
    folder: Path
    user: int | None

    @classmethod
    def prepare(cls, name: str, folder: Path, user: int | None) -> "Machine":
        """Clone HEAD and make the programs visible that a bare Debian has."""
        machine = cls(name, folder, user)
        for part in (machine.programs, machine.home, machine.temporary):
            part.mkdir(parents=True)
        _offer_programs(machine.programs)
        _checked("git", "clone", "--quiet", str(ROOT), str(machine.clone))
        if user is None:
            _offer_old_node(machine.programs)
        else:
            _checked("chown", "-R", f"{user}:{user}", str(machine.clone), str(machine.temporary))
        return machine

    @property
    def clone(self) -> Path:
        """The checkout."""
        return self.folder / "keyless"

    @property
    def programs(self) -> Path:
        """All that is on the PATH."""
        return self.folder / "bin"

    @property
    def home(self) -> Path:
        """An empty home."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """What it leaves in here is nobody's concern."""
        return self.folder / "tmp"

    def run(self, *command: str) -> str:
        """Run `command` in the clone, shown as it goes; what it printed, or the end of this program."""
        print(f"\n=== {self.name}: {' '.join(command)}", flush=True)
        environment = {name: value for name, value in os.environ.items() if KEPT.search(name)}
        environment |= {"PATH": str(self.programs), "HOME": str(self.home), "TMPDIR": str(self.temporary)}
        started, printed = time.monotonic(), []
        with subprocess.Popen(  # noqa: S603 -- our own commands
            [str(self.programs / command[0]) if "/" not in command[0] else command[0], *command[1:]],
            cwd=self.clone, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, umask=0o077,
            user=self.user, group=self.user, extra_groups=None if self.user is None else [],
        ) as process:  # fmt: skip
            assert process.stdout is not None  # noqa: S101 -- for the type checker
            for line in process.stdout:
                print(line, end="", flush=True)
                printed.append(line)
        if process.returncode:
            sys.exit(f"bare machine: {self.name}: `{' '.join(command)}` ended with {process.returncode}.")
        print(f"=== {self.name}: done in {time.monotonic() - started:.0f} s", flush=True)
        return "".join(printed)


def main() -> None:
    """Try every user; exit with what failed, leaving nothing behind."""
    with tempfile.TemporaryDirectory(prefix="bare-machine-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # an ordinary user must get through to their own part
        rows = {}
        for name, user in _users():
            machine = Machine.prepare(name, folder / name.replace(" ", "-"), user)
            rows[name] = ROWS.findall(machine.run("make", "demo"))
            machine.run(".venv/bin/python", "-c", ISOLATION)
            if name != "root":
                machine.run("make", "test")
            _stays_as_committed(machine)
    if not all(rows.values()) or len(set(map(tuple, rows.values()))) != 1:
        sys.exit(f"bare machine: the demo does not print the same rows for everybody: {rows}")


def _users() -> list[tuple[str, int | None]]:
    if os.geteuid():
        return [("ordinary user", None)]
    return [("root", None), ("ordinary user", NOBODY)]


def _stays_as_committed(machine: Machine) -> None:
    """Neither set-up nor demo nor tests leave a file that git would offer to add."""
    if changed := machine.run("git", "status", "--porcelain"):
        sys.exit(f"bare machine: {machine.name}: these appeared or changed in the clone:\n{changed}")


def _offer_programs(folder: Path) -> None:
    for program in sorted(_programs()):
        link = folder / program.name
        if not link.is_symlink():
            link.symlink_to(program)
    for name in ("node", "npm", "npx"):
        if (folder / name).is_symlink():
            sys.exit(f"bare machine: {name} is among Debian's own programs here, so nothing would be shown.")


def _offer_old_node(folder: Path) -> None:
    for name in ("node", "npm", "npx"):
        (folder / name).write_text(OLD_NODE)
        (folder / name).chmod(0o755)


def _programs() -> Iterator[Path]:
    """Those of Debian's base and of the packages that README.md names; elsewhere all but Node's."""
    here = [path for folder in FOLDERS if folder.is_dir() for path in folder.iterdir()]
    if not shutil.which("dpkg-query"):
        yield from (path for path in here if path.name not in ("node", "nodejs", "npm", "npx", "corepack"))
        return
    listed = _checked("dpkg-query", "--listfiles", *_packages()).split("\n")
    real = {
        os.path.realpath(path) for path in listed if path.startswith(("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"))
    }
    yield from (path for path in here if os.path.realpath(path) in real)  # by what they are: awk is a link to mawk


def _packages() -> list[str]:
    """Debian's required packages and `INSTALLED`, with all that they depend on, as far as it is installed here."""
    shown = "${db:Status-Abbrev}\t${Package}\t${Priority}\t${Pre-Depends}, ${Depends}\n"
    lines = [line.split("\t") for line in _checked("dpkg-query", "--show", "--showformat", shown).splitlines()]
    needs = {
        name: re.findall(r"(?:^|[,|])\s*([a-z0-9.+-]+)", depends)
        for status, name, _, depends in lines
        if status[1] == "i"
    }
    if missing := set(INSTALLED) - set(needs):
        sys.exit(f"bare machine: apt-get install {' '.join(sorted(missing))}")
    wanted, queue = set(), [*INSTALLED, *(name for _, name, priority, _ in lines if priority == "required")]
    while queue:
        name = queue.pop()
        if name in needs and name not in wanted:
            wanted.add(name)
            queue += needs[name]
    return sorted(wanted)


def _checked(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


if __name__ == "__main__":
    main()
