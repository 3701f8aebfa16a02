"""What is known of a request before anything is decided: CloudFormation tells it, the event only rings the bell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from keyless_federation.errors import PropertiesError, UnprovenRequestError
from keyless_federation.model.federation import Federation

from .cloudformation import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What CloudFormation asks for right now: the stack's status, the properties, and the owner that the stack is."""

    status: str
    properties: Mapping[str, Any]
    owner: str


class StackView(Protocol):
    """What CloudFormation tells of an event's stack. Whatever it does not tell is refused: `UnprovenRequestError`."""

    def require_address(self, event: Event) -> None:
        """Refuse an address that is not CloudFormation's for the answer."""

    def due(self, event: Event) -> Due:
        """Return what the stack asks for, if that is what the event says."""

    def previous(self, event: Event) -> Federation | None:
        """Return what the resource was before; None where CloudFormation does not tell any more."""

    def attempted(self, federation: Federation) -> list[Federation]:
        """Return what was asked of the same provider since it was last made exact."""

    def successor(self, event: Event, federation: Federation) -> Federation | None:
        """Return the same federation as another resource of the stack has it; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A request with all that is known about it.

    status: the stack's. federation: what the stack asks for, None where the properties are invalid, and `problem` then
    tells why. previous: what the resource was before, if that is known. The callables are asked when a row needs them.
    """

    event: Event
    status: str
    federation: Federation | None
    previous: Federation | None
    problem: PropertiesError | None
    attempted: Callable[[], list[Federation]]
    successor: Callable[[], Federation | None]

    @classmethod
    def of(cls, event: Event, stack: StackView) -> "Facts":
        """Learn from CloudFormation what is asked for, and by whom."""
        due = stack.due(event)
        federation, problem = _read(due.properties)
        if federation and federation.owner != due.owner:
            raise UnprovenRequestError(f"the stack is {due.owner}, and not the owner {federation.owner} that it names")
        return cls(
            event=event,
            status=due.status,
            federation=federation,
            previous=_previous(event, stack, due.owner),
            problem=problem,
            attempted=lambda: stack.attempted(federation) if federation else [],
            successor=lambda: stack.successor(event, federation) if federation else None,
        )


def _previous(event: Event, stack: StackView, owner: str) -> Federation | None:
    """What the resource was: as CloudFormation tells it, else as the event does, if that is of the same owner.

    An event that lies here can only have this owner's own grants taken away.
    """
    if event.kind != "Update" or not event.old_properties:
        return None
    told = stack.previous(event) or _read(event.old_properties)[0]
    return told if told and told.owner == owner else None


def _read(properties: Mapping[str, Any]) -> tuple[Federation | None, PropertiesError | None]:
    try:
        return Federation.from_properties(properties), None
    except PropertiesError as error:
        return None, error
