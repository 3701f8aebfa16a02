"""The clone's code: the doctor's handler, and those files of the function's package that its settings name."""

import io
import posixpath
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

INDEX = Path(__file__).parents[3] / "functions" / "doctor" / "index.py"
TASK_ROOT = "/var/task"
FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""The variables of which each may name a file that Keyless reads."""

SECONDS = 60.0


def in_package(variables: Mapping[str, str]) -> set[str]:
    """The paths within the function's package that its variables name; Lambda starts a function in its own folder."""
    values = (variables.get(name, "").strip() for name in FILES)
    paths = {posixpath.normpath(posixpath.join(TASK_ROOT, value)) for value in values if value}
    return {path.removeprefix(f"{TASK_ROOT}/") for path in paths if path.startswith(f"{TASK_ROOT}/")}


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of the handler and `files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {**files, INDEX.name: INDEX.read_bytes()}.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o644 << 16
            zipped.writestr(member, content)
    return buffer.getvalue()


def files_of(location: str, wanted: Iterable[str]) -> dict[str, bytes]:
    """Those of the `wanted` files that are in the package at `location`, a signed address that GetFunction gave."""
    parts = urlsplit(location)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise ValueError(f"a package at {parts.scheme}://{parts.hostname} is not fetched: its address is not https")
    with urllib.request.urlopen(location, timeout=SECONDS) as answer:  # noqa: S310 -- https, as was just seen
        package = io.BytesIO(answer.read())
    with zipfile.ZipFile(package) as zipped:
        members = {posixpath.normpath(name): name for name in zipped.namelist()}
        return {name: zipped.read(members[name]) for name in wanted if name in members}
