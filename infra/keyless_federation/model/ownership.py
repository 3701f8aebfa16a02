"""Who made it: a marker in the description of pools, providers and accounts, readable by people and by us.

A pool or provider belongs to a stack (`keyless:OWNER`), an account to one federation of that stack
(`keyless:OWNER#POOL/PROVIDER`), so that replacing a provider moves its accounts instead of losing them.
What somebody else made, and a stack took over as it was told to, says `keyless-adopted:` instead, on an account after a
'+' with what that had already (see `adoption`).
"""

import re
from dataclasses import dataclass, field, replace
from typing import Self

from keyless_federation.model.rules import MAX_DESCRIPTION

PATTERN = re.compile(
    r"\bkeyless(?P<adopted>-adopted(?:\+(?P<kept>\*|[\w-]+))?)?:(?P<owner>[^\s#]+)(?:#(?P<federation>\S+))?"
)
SAID = "Managed by Keyless."
EVERYTHING = "*"
"""In the marker of an adopted account: it keeps all that it had."""


@dataclass(frozen=True, slots=True)
class Marker:
    """`owner` is ACCOUNT/REGION/STACK, `federation` is POOL/PROVIDER on accounts and None elsewhere.

    Whether the thing was adopted, and what it is to keep, makes no other owner of it: neither counts in comparisons.
    """

    owner: str
    federation: str | None = None
    adopted: bool = field(default=False, compare=False)
    kept: str = field(default="", compare=False)

    @classmethod
    def find(cls, description: str | None) -> Self | None:
        """The marker in a description, or None: then a person or another tool made the thing."""
        match = PATTERN.search(description or "")
        if match is None:
            return None
        return cls(match["owner"], match["federation"], adopted=bool(match["adopted"]), kept=match["kept"] or "")

    @property
    def aws_account(self) -> str:
        """The AWS account of the owner."""
        return self.owner.partition("/")[0]

    @property
    def room(self) -> int:
        """The bytes that a description has for other text, beside this marker."""
        return MAX_DESCRIPTION - len(str(self).encode()) - 1

    def on_adopted(self, kept: str = "") -> Self:
        """This marker, on something that its owner did not make, and which keeps what it had."""
        return replace(self, adopted=True, kept=kept)

    def description(self, text: str = "") -> str:
        """A description that carries this marker, after `text`, which is cut to what there is room for."""
        if text:
            text = text.encode()[: max(self.room, 0)].decode(errors="ignore").rstrip()
        return f"{text or ('' if self.adopted else SAID)} {self}".lstrip()

    def __str__(self) -> str:
        kept = f"+{self.kept}" if self.kept else ""
        kind = f"keyless-adopted{kept}" if self.adopted else "keyless"
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


def remembering(marker: Marker, kept: str, text: str) -> Marker:
    """The marker of an adopted account; what stands beside it in the description comes first."""
    whole = marker.on_adopted(kept)
    return whole if len(text.encode()) <= whole.room else marker.on_adopted(EVERYTHING)
