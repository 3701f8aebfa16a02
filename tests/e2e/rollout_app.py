"""The states of an app that a test deploys one after another; its functions exchange anew at every request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STACK = "rollout"
READER, WRITER = "aws-rollout-reader", "aws-rollout-writer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One function as it should be: its role, its Google account and what it answers ("broken": it cannot start)."""

    role: str
    account: str = READER
    stamp: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What is deployed: functions by name, roles on the project for the reader, and the names on Google's side."""

    functions: Mapping[str, Workload]
    roles: tuple[str, ...] = field(default=("roles/bigquery.jobUser",))
    provider: str = STACK
    accounts: Mapping[str, str] = field(default_factory=lambda: {READER: READER, WRITER: WRITER})


def answer(**fields: Any) -> dict[str, Any]:
    """What a provisioned environment answers, but for its process."""
    return {"stamp": "1", "account": READER, "init": "provisioned-concurrency", **fields}
