"""What a plan is made of."""

from typing import Protocol

from keyless_federation.google.client import Google


class Step(Protocol):
    """One change: `str(step)` tells it, and only `apply` writes. Doing it twice does no harm.

    Neighbouring steps with the same word in `beside` concern different resources and run side by side; one with an
    empty word runs alone.
    """

    beside: str

    def apply(self, google: Google) -> None:
        """Make the change."""
