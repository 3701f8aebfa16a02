"""Who made it: a marker in the description of pools, providers and accounts, readable by people and by us.

A pool or provider belongs to a stack (`keyless:OWNER`), an account to one federation of that stack
(`keyless:OWNER#POOL/PROVIDER`), so that replacing a provider moves its accounts instead of losing them.
What somebody else made, and a stack took over as it was told to, says `keyless-adopted:` instead.
"""

import re
from dataclasses import dataclass, field, replace
from typing import Self

MAX_DESCRIPTION = 256  # Google counts characters of pools and bytes of accounts: bytes are right for both
PATTERN = re.compile(r"\bkeyless(?P<adopted>-adopted)?:(?P<owner>[^\s#]+)(?:#(?P<federation>\S+))?")
SAID = "Managed by Keyless."


@dataclass(frozen=True, slots=True)
class Marker:
    """`owner` is ACCOUNT/REGION/STACK, `federation` is POOL/PROVIDER on accounts and None elsewhere.

    Whether the thing was adopted makes no other owner of it, so it does not count in comparisons.
    """

    owner: str
    federation: str | None = None
    adopted: bool = field(default=False, compare=False)

    @classmethod
    def find(cls, description: str | None) -> Self | None:
        """The marker in a description, or None: then a person or another tool made the thing."""
        match = PATTERN.search(description or "")
        return cls(match["owner"], match["federation"], bool(match["adopted"])) if match else None

    @property
    def aws_account(self) -> str:
        """The AWS account of the owner."""
        return self.owner.partition("/")[0]

    @property
    def room(self) -> int:
        """The bytes that a description has for other text, beside this marker."""
        return MAX_DESCRIPTION - len(str(self).encode()) - 1

    def on_adopted(self) -> Self:
        """This marker, on something that its owner did not make."""
        return replace(self, adopted=True)

    def description(self, text: str = "") -> str:
        """A description that carries this marker, after `text`, which is cut to what there is room for."""
        if text:
            text = text.encode()[: max(self.room, 0)].decode(errors="ignore").rstrip()
        return f"{text or ('' if self.adopted else SAID)} {self}".lstrip()

    def __str__(self) -> str:
        kind = "keyless-adopted" if self.adopted else "keyless"
        return f"{kind}:{self.owner}" + (f"#{self.federation}" if self.federation else "")


def text_of(description: str | None) -> str:
    """What a description says besides a marker."""
    return PATTERN.sub("", description or "").replace(SAID, "").strip()


def whose(description: str | None) -> str:
    """Who made the thing, as the end of a sentence about it."""
    marker = Marker.find(description)
    return f"belongs to {str(marker).partition(':')[2]}" if marker else "was not made by Keyless"


def is_adopted(description: str | None) -> bool:
    """Whether somebody else made the thing: it was taken over, or has no owner yet."""
    marker = Marker.find(description)
    return marker is None or marker.adopted
