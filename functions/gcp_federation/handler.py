"""The custom resource's Lambda: one event, one reconciliation as the deployer, one answer."""

import os
from typing import Any

from aws_lambda_powertools import Logger
from google.auth.transport.requests import AuthorizedSession

from .cloudformation import NEVER_CREATED, Context, Event, Responder
from .desired import Federation, Phase
from .errors import InvalidProperties
from .google import Google
from .reconcile import reconcile
from .remedies import reason

PATIENCE = 45.0  # seconds in which a refusal may mean that a bootstrap has not reached every reader yet

logger = Logger()


def handler(raw: dict[str, Any], context: Context) -> None:
    """Do what CloudFormation asks, and answer it."""
    event = Event.read(raw)
    logger.append_keys(stack=event.stack_id, resource=event.logical_id, request=event.request_id, kind=event.kind)
    responder = Responder(event, context)
    federation: Federation | None = None
    physical_id = event.physical_id or NEVER_CREATED
    try:
        federation = _federation(event)
        if federation is None:
            responder.succeed(physical_id)
            return
        physical_id = event.physical_id if event.kind == "Delete" and event.physical_id else federation.physical_id
        changes = _reconcile(event, federation, Responder.remaining(context) - 1)
    except Exception as error:
        logger.exception("The federation could not be brought about")
        responder.fail(physical_id, reason(error, federation, os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")))
    else:
        responder.succeed(physical_id, {"Audience": federation.audience, "Changes": str(changes)})


def _federation(event: Event) -> Federation | None:
    """What the event is about; None where there is nothing to do."""
    if event.kind != "Delete":
        return Federation.from_properties(event.properties)
    try:
        federation = Federation.from_properties(event.properties)
    except InvalidProperties:
        return None  # nothing can have been made of them
    settles = federation.phase is Phase.SETTLE
    return None if settles or event.physical_id == NEVER_CREATED else federation


def _reconcile(event: Event, federation: Federation, seconds: float) -> int:
    import keyless  # here, where a configuration that it refuses is still answered

    session = AuthorizedSession(keyless.credentials(scopes=["https://www.googleapis.com/auth/cloud-platform"]))
    google = Google.from_env(session, seconds=seconds, patience=PATIENCE)
    desired, previous = federation, _previous(event, federation.project)
    if event.kind == "Delete":
        desired, previous = federation.gone(), federation
    return reconcile(google, desired, previous, lambda step: logger.info(step))


def _previous(event: Event, project: str) -> Federation | None:
    """The federation before an update, as far as it lies in the same project: the rest has a Delete of its own."""
    try:
        previous = Federation.from_properties(event.old_properties) if event.old_properties else None
    except InvalidProperties:
        return None
    return previous if previous and previous.project == project else None
