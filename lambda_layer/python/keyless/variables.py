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

    def project(self) -> str:
        """Return the ID of the project to work in; a problem when it is missing or malformed."""
        value = self.required("GOOGLE_CLOUD_PROJECT", "the ID of the Google project to work in")
        if value and not re.fullmatch(PROJECT, value):
            self.problems.append(f"GOOGLE_CLOUD_PROJECT must be the ID of a project, such as my-project, not {value!r}")
        return value

    def proxy(self) -> str | None:
        """Return the address of the proxy for https; the problem of a wrong one does not repeat its password."""
        value = self.get("HTTPS_PROXY") or self.get("https_proxy")
        if not value:
            return None
        address = value if "://" in value else f"http://{value}"
        try:
            parts = urlsplit(address)
            named = bool(parts.hostname) and parts.port != 0  # raises for a port that is none
        except ValueError:
            named = False
        if not named:
            self.problems.append("HTTPS_PROXY must be the address of a proxy, such as http://proxy.example.com:3128")
        return address

    def words(self, name: str) -> tuple[str, ...]:
        """Return the parts of the value, separated by commas or white space."""
        return tuple(self.get(name).replace(",", " ").split())

    def seconds(self, name: str, default: str, allowed: range) -> int:
        """Return a whole number of seconds; a problem when it is not `allowed`."""
        value = self.get(name) or default
        if value.isascii() and value.isdecimal() and int(value) in allowed:
            return int(value)
        self.problems.append(f"{name} must be {allowed[0]} to {allowed[-1]} seconds, not {value!r}")
        return allowed[0]

    def file(self, *names: str) -> str | None:
        """Return the path in the first of these variables that is set; a problem when no file is there."""
        for name in names:
            if path := self.get(name):
                if not os.path.exists(path):
                    self.problems.append(f"{name} names a file that does not exist ({path})")
                return path
        return None


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
