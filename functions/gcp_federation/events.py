"""What is done about each request of CloudFormation's: one table.

To follow an event, read `TABLE` from the top: the first row whose request, stack status and predicate fit decides.
CloudFormation's own documentation of the requests and of the order in which it sends them:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

from keyless_federation.errors import StaleRequestError
from keyless_federation.model.federation import Federation, Phase
from keyless_federation.skipping import skipping

from .facts import Facts


class Action(Enum):
    """What is done, and what CloudFormation is answered."""

    IGNORE = auto()  # FAILED: nobody waits for this answer any more, and nothing is changed
    REFUSE = auto()  # FAILED, with every problem of the properties
    NOTHING = auto()  # SUCCESS, and Google is not asked
    RECONCILE = auto()  # bring Google from the old properties to the new ones
    HAND_OVER = auto()  # bring Google to what the resource wants that replaces this one
    REMOVE = auto()  # remove everything that the properties name


@dataclass(frozen=True, slots=True)
class Task:
    """Google is brought from `previous` to `desired`."""

    desired: Federation
    previous: Federation | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. With `skip`, what Google refuses to show is left as it is, and the stack goes on."""

    requests: str
    status: str
    known: Callable[[Facts], bool]
    action: Action
    skip: bool = False

    def expects(self, kind: str, status: str) -> bool:
        """Return whether the row is about requests of this kind while the stack has this status."""
        return kind in self.requests.split() and re.search(self.status, status) is not None


def always(facts: Facts) -> bool:
    """Fit every request."""
    return True


def invalid(facts: Facts) -> bool:
    """The properties make no federation, so that nothing can have been made of them."""
    return facts.federation is None


def settles(facts: Facts) -> bool:
    """The resource is the one that comes after the functions: the other one removes everything."""
    return facts.federation is not None and facts.federation.phase is Phase.SETTLE


def only_tells_what_to_leave(facts: Facts) -> bool:
    """Nothing but `OnUnreachable` changed: this must succeed while Google cannot be reached."""
    before, now = facts.event.old_properties, facts.event.properties
    if before is None or before.get("OnUnreachable") == now.get("OnUnreachable"):
        return False
    beside = dict.fromkeys(("OnUnreachable", "Reconcile"))  # the second changes with each deployment
    return {**before, **beside} == {**now, **beside}


def lives_on(facts: Facts) -> bool:
    """Another resource of the stack has the same federation: this one was only renamed, or got another ID."""
    return facts.successor() is not None


def unwritten(facts: Facts) -> bool:
    """A creation failed before it wrote anything: from then on the resource has its own physical ID."""
    return facts.federation is not None and facts.event.physical_id != facts.federation.physical_id


ALL, MAKING = "Create Update Delete", "Create Update"
ANY = r""
AT_REST = r"^(?!.*IN_PROGRESS$)."
UNDOING_CREATION, UNDOING_UPDATE = r"DELETE|ROLLBACK|CLEANUP", r"^DELETE|^ROLLBACK|CLEANUP"
UPDATING, ROLLING_BACK = r"^UPDATE", r"^UPDATE_ROLLBACK"
SKIP = True

TABLE = (
    #   request   stack status      known                     action            unreadable resources
    Row(ALL, AT_REST, always, Action.IGNORE),
    Row("Create", UNDOING_CREATION, always, Action.IGNORE),
    Row("Update", UNDOING_UPDATE, always, Action.IGNORE),
    Row(MAKING, ANY, invalid, Action.REFUSE),
    Row("Delete", ANY, invalid, Action.NOTHING),
    Row("Delete", ANY, settles, Action.NOTHING),
    Row("Delete", ROLLING_BACK, lives_on, Action.HAND_OVER, SKIP),
    Row("Delete", UPDATING, lives_on, Action.HAND_OVER),
    Row("Delete", ANY, unwritten, Action.REMOVE, SKIP),
    Row("Delete", ANY, always, Action.REMOVE),
    Row("Update", ANY, only_tells_what_to_leave, Action.NOTHING),
    Row("Update", ROLLING_BACK, always, Action.RECONCILE, SKIP),
    Row(MAKING, ANY, always, Action.RECONCILE),
)


def is_stale(kind: str, status: str) -> bool:
    """Return whether a stack in this status waits for no answer to a request of this kind."""
    return any(row.action is Action.IGNORE and row.expects(kind, status) for row in TABLE)


def tasks(facts: Facts) -> list[Task]:
    """Return what is to be done on Google, in order; raise `StaleRequestError` or `PropertiesError`."""
    row = next(row for row in TABLE if row.expects(facts.event.kind, facts.status) and row.known(facts))
    match row.action, facts.federation:
        case Action.IGNORE, _:
            raise StaleRequestError(facts.event.kind, facts.status)
        case Action.RECONCILE, Federation() as federation:
            desired = skipping(federation) if row.skip else federation
            return [*_exactly(facts, desired), *_stranded(facts, desired)]
        case ((Action.HAND_OVER | Action.REMOVE), Federation() as federation):
            successor = facts.successor() if row.action is Action.HAND_OVER else None
            desired = successor or federation.gone()
            return [Task(skipping(desired) if row.skip else desired, federation)]
        case Action.REFUSE, _ if facts.problem:
            raise facts.problem
    return []


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """A federation after its update was rolled back: as it is to be again, and as the update had wanted it.

    CloudFormation sends the opening resource its old properties while functions may still run as the new roles, and
    nothing afterwards: EventBridge tells that the stack is at rest. attempted: None where CloudFormation does not tell.
    """

    wanted: Federation
    attempted: Federation | None = None

    def tasks(self) -> list[Task]:
        """Return what takes away what the update had widened."""
        wanted, attempted = skipping(self.wanted), self.attempted
        first = Task(wanted, _same_project(wanted, attempted))
        if attempted is None or _names(attempted) == _names(wanted):
            return [first]
        return [first, Task(skipping(attempted.gone()), attempted)]


def _exactly(facts: Facts, desired: Federation) -> list[Task]:
    """From what was before, and from each state that an update had attempted and nothing made exact since."""
    previous = _same_project(desired, facts.previous)
    attempted = facts.attempted() if desired.removes and facts.event.kind == "Update" else []
    known = [replace(one, skip_unreadable=False) for one in (desired, previous) if one]
    return [Task(desired, previous), *(Task(desired, past) for past in attempted if past not in known)]


def _stranded(facts: Facts, desired: Federation) -> list[Task]:
    """Remove what a failed update had made under other names, if no Delete will come for it.

    CloudFormation deletes what it knows by its ID. Here it never learnt the other one.
    """
    event, previous = facts.event, facts.previous
    if event.kind != "Update" or not previous or not desired.removes or event.physical_id != desired.physical_id:
        return []
    return [Task(skipping(previous.gone()), previous)] if _names(previous) != _names(desired) else []


def _same_project(federation: Federation, previous: Federation | None) -> Federation | None:
    """Return the previous one, unless it lies in another project: that has a Delete of its own."""
    return previous if previous and previous.project == federation.project else None


def _names(federation: Federation) -> tuple[str, str]:
    return federation.project, federation.id
