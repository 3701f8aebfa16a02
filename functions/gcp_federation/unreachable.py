"""A deletion for which Google cannot be reached: it fails, unless the stack was told to leave everything and go."""

from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from keyless_federation.errors import GoogleError, OutOfTime
from keyless_federation.model.federation import Federation

from .cloudformation import Event

LEAVE = 'To let the stack go and leave on Google what it made there: on_unreachable="leave" (docs/delete.md).'
MOST_TOLD, MOST_LEFT = 700, 2000  # characters: CloudFormation takes 1,024 of a reason and 4,096 bytes in all
REFUSED = (401, 403, 429)  # what Google answers to those whom it does not know any more, or has no time for
# Changed together with OnUnreachable, this one means no other work.
BESIDE = frozenset({"OnUnreachable", "Reconcile"})


def is_unreachable(error: BaseException) -> bool:
    """Whether Google did not answer, not in time, or took us for nobody: its bootstrap or its project may be gone."""
    if isinstance(error, GoogleError):
        return error.status == 0 or error.status in REFUSED or error.status >= 500
    # Of the layer's errors, those of the chain are of this kind.
    return isinstance(error, OutOfTime | GoogleAuthError | RequestException)


def with_remedy(told: str) -> str:
    """The reason of a failed deletion, and how to get rid of the stack nevertheless."""
    return f"{told[:MOST_TOLD]} {LEAVE}"


def changes_nothing_else(event: Event) -> bool:
    """Whether an update only says what to do then: it must succeed while Google is away."""
    before, now = event.old_properties, event.properties
    if event.kind != "Update" or before is None or before.get("OnUnreachable") == now.get("OnUnreachable"):
        return False
    return {**before, **dict.fromkeys(BESIDE)} == {**now, **dict.fromkeys(BESIDE)}


def left(federation: Federation) -> str:
    """What a stack that goes may leave behind, for the log and for CloudFormation."""
    accounts = ", ".join(federation.email(account.name) for account in federation.accounts) or "none"
    roles = ", ".join(sorted({role for one in federation.direct for role in (*one.aws_roles, *one.aws_principals)}))
    direct = f", and what was granted directly to {roles}" if roles else ""
    told = (
        f"Left in the project {federation.project}, as Google could not be reached: the provider {federation.id}, "
        f"the pool {federation.pool.id} and, with all that they were granted, the service accounts {accounts}{direct}"
    )
    return told[:MOST_LEFT]
