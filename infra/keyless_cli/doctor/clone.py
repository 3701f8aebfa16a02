"""What the clone of a function is: all that decides who it is and what it can reach, under a name of its own."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TAG = "keyless:doctor"
"""The clone's tag. Its value is the second since the epoch from which nobody needs the clone any more."""

DESCRIPTION = "Keyless's doctor examines a function: removed by itself within minutes"
HANDLER = "index.handler"
TIMEOUT = 300
"""Seconds that an examination may take: where nothing answers, each link waits before it gives up."""

LIFE = 1800
"""Seconds after which a clone is a leftover: making, waiting for a network and the examination together take less."""

QUIET = {"LogFormat": "JSON", "ApplicationLogLevel": "FATAL", "SystemLogLevel": "WARN"}
"""With these, Lambda writes nothing of a run that goes well, so that there is no log group to remove."""

_SUFFIX_BYTES = 4
_SHORTEST = 2 * _SUFFIX_BYTES + 2
_NAME = re.compile(r"[\w-]+-[0-9a-f]{8}", re.ASCII)

Configuration = Mapping[str, Any]
"""As GetFunctionConfiguration answers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """The clone of the function that `original` describes; `tags` are the function's own."""

    name: str
    original: Configuration
    tags: Mapping[str, str]
    code: bytes

    @property
    def log_group(self) -> str:
        """Its own, apart from the function's."""
        return log_group(self.name)

    def request(self) -> dict[str, Any]:
        """The parameters of CreateFunction."""
        taken = ("Role", "Runtime", "MemorySize", "Architectures", "KMSKeyArn", "EphemeralStorage")
        return {
            "FunctionName": self.name,
            "Description": DESCRIPTION,
            "Handler": HANDLER,
            "Timeout": TIMEOUT,
            "Code": {"ZipFile": self.code},
            "Environment": {"Variables": variables(self.original)},
            "Layers": [layer["Arn"] for layer in self.original.get("Layers") or ()],
            "LoggingConfig": {**QUIET, "LogGroup": self.log_group},
            "Tags": {**_own(self.tags), TAG: str(int(time.time()) + LIFE)},
            **{name: self.original[name] for name in taken if self.original.get(name)},
            **_network(self.original),
        }

    @property
    def identities(self) -> tuple[str, str]:
        """The ARN as which the clone comes to Google, and the one as which the function does."""
        parts = self.original["FunctionArn"].split(":")
        partition, account, name = parts[1], parts[4], self.original["FunctionName"]
        session = f"arn:{partition}:sts::{account}:assumed-role/{self.original['Role'].rpartition('/')[2]}"
        return f"{session}/{self.name}", f"{session}/{name}"


def name_for(function: str) -> str:
    """A name that begins as the function's does and is as long, so that google.subject is of the same size.

    A name of fewer than ten characters has no room for chance: then the clone's is a little longer, which no limit
    notices (128 bytes would take a role's name of 64 and a function's of 24).
    """
    chance = secrets.token_hex(_SUFFIX_BYTES)
    kept = function[: -len(chance) - 1] if len(function) >= _SHORTEST else "doctor"
    return f"{kept}-{chance}"


def is_clone(configuration: Configuration) -> bool:
    """Whether this function was made here. A tag alone does not tell: people copy tags."""
    ours = configuration.get("Description") == DESCRIPTION and configuration.get("Handler") == HANDLER
    return ours and _NAME.fullmatch(configuration["FunctionName"]) is not None


def log_group(name: str) -> str:
    """The log group of a clone."""
    return f"/aws/lambda/{name}"


def variables(configuration: Configuration) -> dict[str, str]:
    """The function's own environment variables."""
    found: dict[str, str] = (configuration.get("Environment") or {}).get("Variables") or {}
    return found


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """Without CloudFormation's, which only AWS may give: policies may ask for the others."""
    return {name: value for name, value in tags.items() if not name.lower().startswith("aws:")}


def _network(configuration: Configuration) -> dict[str, Any]:
    given = configuration.get("VpcConfig") or {}
    if not given.get("SubnetIds"):
        return {}
    taken = ("SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack")
    return {"VpcConfig": {name: given[name] for name in taken if name in given}}
