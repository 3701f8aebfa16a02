"""Read and check single environment variables; problems are collected, not raised."""

import os
import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

PROJECT = r"(?:[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"
"""The form of a project's ID; old ones follow a domain and a colon. The rules of the whole product are in
`keyless_federation.model.rules`, which the layer may not import: `tests/unit/test_rules.py` holds both equal."""


class Variables:
    """An environment; `problems` collects a sentence for each variable that is missing or wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def get(self, name: str) -> str:
        """Return the value without the white space around it; "" when the variable is not set."""
        return self._environ.get(name, "").strip()

    def required(self, name: str, meaning: str) -> str:
        """Return the value as `get` does; a problem when the variable is not set."""
        value = self.get(name)
        if not value:
            self.problems.append(f"{name} is missing ({meaning})")
        return value

    def refuse(self, source: str, rule: str, value: object, kind: str = "") -> None:
        """Add the problem that `source` breaks `rule`; its value is described (`keyless.refusals`), never repeated."""
        from keyless.refusals import refusal  # a good start does not need it

        self.problems.append(refusal(source, rule, value, kind))

    def project(self) -> str:
        """Return the ID of the project to work in; a problem when it is missing or malformed."""
        value = self.required("GOOGLE_CLOUD_PROJECT", "the ID of the Google project to work in")
        if value:
            self.check_project("GOOGLE_CLOUD_PROJECT", value)
        return value

    def check_project(self, source: str, value: str) -> None:
        """Add a problem when `value` is no project's ID."""
        if not re.fullmatch(PROJECT, value):
            self.refuse(source, "must be the ID of a project, such as my-project", value, "project")

    def proxy(self) -> str | None:
        """Return the address of the proxy for https."""
        name = "HTTPS_PROXY" if self.get("HTTPS_PROXY") else "https_proxy"
        value = self.get(name)
        if not value:
            return None
        if not _is_proxy(value):
            self.refuse(name, "must be the address of a proxy, such as http://proxy.example.com:3128", value)
        return value if "://" in value else f"http://{value}"

    def words(self, name: str) -> tuple[str, ...]:
        """Return the parts of the value, separated by commas or white space."""
        return tuple(self.get(name).replace(",", " ").split())

    def label(self, *names: str) -> str:
        """Return the first value of these variables, "" when none is set. It is printed: a credential is a problem."""
        for name in names:
            if value := self.get(name):
                from keyless.refusals import is_credential

                if is_credential(value):
                    self.refuse(name, "must be a name", value)
                return value
        return ""

    def seconds(self, source: str, value: object, allowed: range) -> int:
        """Return a whole number of seconds; a problem when it is not `allowed`."""
        text = str(value)
        if text.isascii() and text.isdecimal() and len(text) < 10 and int(text) in allowed:
            return int(text)
        self.refuse(source, f"must be {allowed[0]} to {allowed[-1]} seconds", value, "seconds")
        return allowed[0]

    def file(self, *names: str) -> str | None:
        """Return the path in the first of these variables that is set; a problem when no file is there."""
        for name in names:
            if path := self.get(name):
                if not os.path.exists(path):
                    from keyless.refusals import no_such_file

                    self.problems.append(f"{name} names a file that does not exist ({no_such_file(path)})")
                return path
        return None


def _is_proxy(value: str) -> bool:
    """Return whether this is the address of a proxy; without a scheme, one word alone may as well be a password."""
    from keyless.refusals import is_credential

    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname or "", parts.port  # raises for a port that is none
    except ValueError:
        return False
    named = "://" in value or port is not None or "." in host or host == "localhost"
    known = parts.scheme in ("http", "https") and bool(host) and port != 0
    return known and named and not is_credential(parts.netloc.rpartition("@")[2])


def is_safe(url: str, local: Collection[str] = ("localhost",)) -> bool:
    """Return whether a token may be sent to `url`: https, or plain http on a loopback address or a `local` host.

    The URL names no user and has no spaces: libraries disagree about the host of such a URL.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port  # raises for a port that is no number
        if not host or port == 0 or parts.username is not None or not re.fullmatch("[!-~]+", url):
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and (host in local or ip_address(host).is_loopback))
    except ValueError:
        return False
