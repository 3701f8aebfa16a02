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
from keyless_federation.google.client import Google
from keyless_federation.model.federation import Federation
from keyless_federation.reconcile import Outcome, reconcile, reconcile_if_shown

from . import stack as stacks
from .cloudformation import Context, Event, Responder
from .events import RolledBack, tasks
from .facts import Facts, StackView
from .remedies import is_unreachable, leftover_message, reason, with_way_out

# Seconds in which a refusal may mean that a bootstrap has not reached every reader yet. Google: "about two minutes,
# 7 or more possible"; 70 s were measured to the first success. The function has 300 s.
PATIENCE = 200.0

logger = Logger()


def handler(raw: dict[str, Any], context: Context) -> None:
    """Handle an event of Lambda's as the deployer, through the layer."""
    if stack_id := stacks.rolled_back_stack(raw):
        settle(stacks.Stack(stack_id, context.invoked_function_arn).rolled_back(), context, deployer)
    else:
        handle(raw, context, deployer, stacks.Stack)


def deployer() -> AuthorizedSession:
    """Return a session of the identity that the bootstrap made."""
    import keyless  # here, where a configuration that it refuses is still answered

    credentials = keyless.credentials(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return AuthorizedSession(credentials)


def handle(
    raw: dict[str, Any],
    context: Context,
    session: Callable[[], Session],
    stack: Callable[[str, str], StackView],
    *,
    patience: float = PATIENCE,
    clock: Clock = time,
) -> None:
    """Do what CloudFormation asks, in `session`, and answer it; for `patience` s a refusal is asked again.

    `stack` returns what CloudFormation tells the function with an ARN of the stack with an ID.
    """
    event = Event.read(raw)
    view = stack(event.stack_id, context.invoked_function_arn)
    view.require_address(event)
    logger.append_keys(stack=event.stack_id, resource=event.logical_id, request=event.request_id, kind=event.kind)
    responder = Responder(event, context, clock)
    federation: Federation | None = None
    outcome = Outcome()
    try:
        facts = Facts.of(event, view)
        todo = tasks(facts)
        federation = facts.federation
        if federation and todo:
            seconds = Responder.remaining(context) - 1
            google = Google.from_env(session(), seconds=seconds, patience=patience, clock=clock)
            begin = partial(_name, responder, event, federation)
            for task in todo:
                outcome += reconcile_if_shown(google, task.desired, task.previous, logger.info, begin)
    except Exception as error:
        logger.exception("The federation could not be brought about")
        _fail(responder, error, event, federation)
    else:
        _succeed(responder, outcome, event, federation)


def settle(
    federations: Iterable[RolledBack], context: Context, session: Callable[[], Session], *, clock: Clock = time
) -> None:
    """Make these exact once more; an error is Lambda's to repeat, as nobody waits for an answer."""
    for federation in federations:
        google = Google.from_env(session(), seconds=Responder.remaining(context), clock=clock)
        for task in federation.tasks():
            reconcile(google, task.desired, task.previous, logger.info)


def _name(responder: Responder, event: Event, federation: Federation) -> None:
    """Give the resource its own physical ID from here on; one that is deleted is called as before."""
    if event.kind != "Delete":
        responder.physical_id = federation.physical_id


def _succeed(responder: Responder, outcome: Outcome, event: Event, federation: Federation | None) -> None:
    if federation is None:
        responder.succeed()
        return
    _name(responder, event, federation)
    data = {"Audience": federation.audience, "Changes": str(outcome.changes)}
    responder.succeed(data, " ".join(outcome.passed_over))


def _fail(responder: Responder, error: Exception, event: Event, federation: Federation | None) -> None:
    """Answer what went wrong, unless it is a deletion that may leave behind what it cannot reach."""
    told = reason(error, federation, os.environ)
    if federation is None or event.kind != "Delete" or not is_unreachable(error):
        responder.fail(told)
    elif federation.on_unreachable == "leave":
        logger.warning(message := leftover_message(federation))
        responder.succeed(left=message)
    else:
        responder.fail(with_way_out(told))
