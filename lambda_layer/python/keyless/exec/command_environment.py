"""The environment of the command: what it finds there, and what is removed."""

import os
import re
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from pathlib import Path

from keyless.aws.container import AUTHORIZATION
from keyless.aws.environment import CONTAINER_URIS, KEYS

FULL_URI, RELATIVE_URI = CONTAINER_URIS

AWS_KEYS = (*KEYS, "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION")
"""Google's libraries take keys from here before anything else, and never see newer ones."""

AWS_BEFORE_THE_CONTAINER = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    RELATIVE_URI,
    f"{AUTHORIZATION}_FILE",
)
"""AWS's SDKs prefer these to the container endpoint's address or its token; keys in variables came before them all."""

GOOGLE_BEFORE_THE_FILE = (
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "GOOGLE_CREDENTIALS",
    "GOOGLE_CLOUD_KEYFILE_JSON",
    "GCLOUD_KEYFILE_JSON",
    "GOOGLE_BACKEND_CREDENTIALS",
    "CLOUDSDK_AUTH_ACCESS_TOKEN",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
)
"""Terraform's google provider, its gcs backend and gcloud prefer these to GOOGLE_APPLICATION_CREDENTIALS."""

PROJECT = ("GOOGLE_PROJECT", "GCLOUD_PROJECT", "GCP_PROJECT", "CLOUDSDK_CORE_PROJECT")
"""GOOGLE_CLOUD_PROJECT's other names: Terraform's, older libraries' and gcloud's."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_PROFILES = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_DEFAULT = (["default"], ["profile", "default"])
_OF_CREDENTIALS = {
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The credential file for Google's libraries; address and token of the container endpoint for AWS's SDKs."""

    credential_file: str
    region: str
    container_url: str
    container_token: str = field(repr=False)


def environment(environ: Mapping[str, str], project: str, served: Served) -> dict[str, str]:
    """Return the command's environment. In it AWS's SDKs find the same identity as in `environ`, while it is valid."""
    hidden = {*AWS_KEYS, *GOOGLE_BEFORE_THE_FILE}
    added = {
        "GOOGLE_APPLICATION_CREDENTIALS": served.credential_file,
        "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": served.credential_file,
        "GOOGLE_CLOUD_PROJECT": project,
        "AWS_REGION": served.region,
        **_without_proxy(environ),
    }
    if any(environ.get(name) for name in KEYS):
        hidden |= {*AWS_BEFORE_THE_CONTAINER}
        added |= {FULL_URI: served.container_url, AUTHORIZATION: served.container_token}
        added |= dict.fromkeys(conflicting_profiles(environ), os.devnull)
    kept = {name: value for name, value in environ.items() if name not in hidden}
    return dict.fromkeys(PROJECT, project) | {"AWS_DEFAULT_REGION": served.region} | kept | added


def conflicting_profiles(environ: Mapping[str, str]) -> dict[str, str]:
    """Return AWS's shared files, by variable, whose [default] has credentials, when there are keys in variables.

    In AWS's SDKs those keys came first; a [default] would come before the container endpoint. Named profiles, in
    files without one, stay as they are.
    """
    if not any(environ.get(name) for name in KEYS):
        return {}
    files = {name: environ.get(name) or usual for name, usual in _PROFILES.items()}
    return {name: path for name, path in files.items() if _has_default(Path(os.path.expanduser(path)))}


def _has_default(path: Path) -> bool:
    parser = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        parser.read(path)
        return any(
            not _OF_CREDENTIALS.isdisjoint(parser.options(section))
            for section in parser.sections()
            if re.sub("[\"']", " ", section).split() in _DEFAULT
        )
    except (OSError, UnicodeError, Error):
        return path.exists()  # who cannot be read here may be read elsewhere


def _without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Libraries ask a proxy for loopback, too: Python's that for http, Node's even that for https."""
    if not any(environ.get(name) for kind in _PROXIES for name in (kind, kind.upper())):
        return {}
    named = {name: environ.get(name, "") for name in ("no_proxy", "NO_PROXY")}
    exceptions = next((value for value in named.values() if value), "")
    if exceptions.strip() == "*":
        return {}
    return {name: ",".join(filter(None, (value or exceptions, "127.0.0.1"))) for name, value in named.items()}
