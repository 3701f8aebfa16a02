"""What a plan is made of."""

from typing import Protocol

from keyless_federation.google.client import Google


class Step(Protocol):
    """One change: its words are `str(step)`, and only `apply` writes. Doing it twice does no harm."""

    def apply(self, google: Google) -> None:
        """Make the change."""
