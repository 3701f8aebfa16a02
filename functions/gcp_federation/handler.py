"""The custom resource's Lambda: one event, one reconciliation as the deployer, one answer."""

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger
from google.auth.transport.requests import AuthorizedSession
from requests import Session

from keyless_federation.clock import Clock
from keyless_federation.errors import InvalidProperties
from keyless_federation.google.client import Google
from keyless_federation.model.federation import Federation, OnUnreachable, Phase
from keyless_federation.reconcile import Outcome, reconcile, reconcile_if_shown
from keyless_federation.skipping import MOST_LEFT, going_back

from . import rollback
from .cloudformation import Context, Event, Responder
from .lateness import require_waiting
from .remedies import reason
from .renamed import heir_of
from .rollback import Restored, goes_back
from .unreachable import changes_nothing_else, is_unreachable, left, with_remedy

PATIENCE = 45.0  # seconds in which a refusal may mean that a bootstrap has not reached every reader yet

logger = Logger()


def handler(raw: dict[str, Any], context: Context) -> None:
    """Lambda's entry: as the deployer, through the layer."""
    if stack_id := rollback.stack_of(raw):
        settle(rollback.restored(stack_id), context, deployer)
    else:
        handle(raw, context, deployer, admit=require_waiting, heir=heir_of)


def deployer() -> AuthorizedSession:
    """A session of the identity that the bootstrap made."""
    import keyless  # here, where a configuration that it refuses is still answered

    credentials = keyless.credentials(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return AuthorizedSession(credentials)


def handle(
    raw: dict[str, Any],
    context: Context,
    session: Callable[[], Session],
    *,
    patience: float = PATIENCE,
    clock: Clock = time,
    admit: Callable[[Event], str | None] = lambda event: None,
    heir: Callable[[Event, Federation, str], Federation | None] = lambda event, federation, status: None,
) -> None:
    """Do what CloudFormation asks, in `session`, and answer it; for `patience` s a refusal is asked again.

    `admit` raises for an event that is not to be worked on, and tells the status of its stack, if it is known. `heir`
    finds what a federation that is deleted has only become another resource of.
    """
    event = Event.read(raw)
    logger.append_keys(stack=event.stack_id, resource=event.logical_id, request=event.request_id, kind=event.kind)
    responder = Responder(event, context, clock)
    federation: Federation | None = None
    try:
        status = admit(event) or ""
        federation = _federation(event, status)
        outcome = Outcome()
        if federation and not changes_nothing_else(event):
            seconds = Responder.remaining(context) - 1
            google = Google.from_env(session(), seconds=seconds, patience=patience, clock=clock)
            outcome = _work(event, federation, heir(event, federation, status), google, responder)
    except Exception as error:
        logger.exception("The federation could not be brought about")
        _fail(responder, error, event, federation)
    else:
        _succeed(responder, outcome, event, federation)


def _work(
    event: Event, federation: Federation, heir: Federation | None, google: Google, responder: Responder
) -> Outcome:
    desired, previous = _states(event, federation, heir)
    begin = partial(_name, responder, event, federation)
    outcome = reconcile_if_shown(google, desired, previous, logger.info, begin)
    if stranded := _stranded(event, desired):
        outcome += reconcile_if_shown(google, going_back(stranded.gone()), stranded, logger.info, begin)
    return outcome


def _name(responder: Responder, event: Event, federation: Federation) -> None:
    """From here on the resource has its own name; one that is deleted is called as before."""
    if event.kind != "Delete":
        responder.physical_id = federation.physical_id


def _succeed(responder: Responder, outcome: Outcome, event: Event, federation: Federation | None) -> None:
    if federation is None:
        responder.succeed()
        return
    _name(responder, event, federation)
    passed_over = " ".join(outcome.passed_over)[:MOST_LEFT]
    data = {"Audience": federation.audience, "Changes": str(outcome.changes)}
    responder.succeed({**data, "Left": passed_over} if passed_over else data, passed_over)


def _fail(responder: Responder, error: Exception, event: Event, federation: Federation | None) -> None:
    """Tell what went wrong, unless it is a deletion that may leave behind what it cannot reach."""
    told = reason(error, federation, os.environ)
    if federation is None or event.kind != "Delete" or not is_unreachable(error):
        responder.fail(told)
    elif federation.on_unreachable is OnUnreachable.LEAVE:
        logger.warning(left(federation))
        responder.succeed({"Left": left(federation)})
    else:
        responder.fail(with_remedy(told))


def settle(
    federations: Iterable[Restored], context: Context, session: Callable[[], Session], *, clock: Clock = time
) -> None:
    """Make these exact once more; an error is Lambda's to repeat, as nobody waits for an answer."""
    for federation in federations:
        google = Google.from_env(session(), seconds=Responder.remaining(context), clock=clock)
        wanted, attempted = going_back(federation.wanted), federation.attempted
        reconcile(google, wanted, _same_project(wanted, attempted), logger.info)
        if attempted and (attempted.project, attempted.id) != (wanted.project, wanted.id):
            reconcile(google, going_back(attempted.gone()), attempted, logger.info)


def _federation(event: Event, status: str) -> Federation | None:
    """What the event of a stack in `status` is about; None where there is nothing to do."""
    try:
        federation = Federation.from_properties(event.properties)
    except InvalidProperties:
        if event.kind != "Delete":
            raise
        return None  # nothing can have been made of them
    if event.kind == "Delete" and federation.phase is Phase.SETTLE:
        return None
    return going_back(federation) if goes_back(event, federation, status) else federation


def _states(event: Event, federation: Federation, heir: Federation | None) -> tuple[Federation, Federation | None]:
    """What is wanted now, and what was before."""
    if event.kind == "Delete":
        return heir or federation.gone(), federation
    return federation, _same_project(federation, _previous(event))


def _previous(event: Event) -> Federation | None:
    try:
        return Federation.from_properties(event.old_properties) if event.old_properties else None
    except InvalidProperties:
        return None


def _same_project(federation: Federation, previous: Federation | None) -> Federation | None:
    """The previous one, unless it lies in another project: that has a Delete of its own."""
    return previous if previous and previous.project == federation.project else None


def _stranded(event: Event, desired: Federation) -> Federation | None:
    """What an update that failed had made under other names, if no Delete will come for it.

    CloudFormation deletes what it knows by its ID. Here it never learnt the other one.
    """
    previous = _previous(event)
    if event.kind != "Update" or not previous or not desired.removes or event.physical_id != desired.physical_id:
        return None
    return previous if (previous.project, previous.id) != (desired.project, desired.id) else None
