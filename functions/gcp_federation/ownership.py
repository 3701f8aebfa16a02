"""Who made it: a marker in the description of pools, providers and accounts, readable by people and by us.

A pool or provider belongs to a stack (`keyless:OWNER`), an account to one federation of that stack
(`keyless:OWNER#POOL/PROVIDER`), so that replacing a provider moves its accounts instead of losing them.
"""

import re
from dataclasses import dataclass
from typing import Self

MAX_DESCRIPTION = 256
PATTERN = re.compile(r"\bkeyless:(?P<owner>[^\s#]+)(?:#(?P<federation>\S+))?")


@dataclass(frozen=True, slots=True)
class Marker:
    """`owner` is ACCOUNT/REGION/STACK, `federation` is POOL/PROVIDER on accounts and None elsewhere."""

    owner: str
    federation: str | None = None

    @classmethod
    def find(cls, description: str | None) -> Self | None:
        """The marker in a description, or None: then a person or another tool made the thing."""
        match = PATTERN.search(description or "")
        return cls(match["owner"], match["federation"]) if match else None

    @property
    def aws_account(self) -> str:
        """The AWS account of the owner."""
        return self.owner.partition("/")[0]

    def description(self) -> str:
        """A description that carries this marker."""
        return f"Managed by Keyless. {self}"

    def __str__(self) -> str:
        return f"keyless:{self.owner}" + (f"#{self.federation}" if self.federation else "")
