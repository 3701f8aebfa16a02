"""Take back a failed deployment although Google refuses to show something: that is left as it is.

A deployment reads everything before it writes anything. One that was refused at reading has written nothing, and what
takes it back is refused at the same place; failing again would leave the stack stuck. Should the permission have been
lost in between, something may be left, and the answer says so. A creation that began to write has its own physical ID,
and nothing is skipped from then on.
"""

from dataclasses import replace

from google.auth.exceptions import RefreshError

from keyless_federation.errors import GoogleError, OwnershipError, PropertiesError
from keyless_federation.model.bindings import Binding
from keyless_federation.model.federation import Federation
from keyless_federation.model.targets import Target

# 404 is a project's: of all else that is not there, nothing is said to be wrong.
REFUSED = (401, 403, 404)
MALFORMED = ("INVALID_ARGUMENT", "invalid", "badRequest")  # a name that nothing can have


def skipping(federation: Federation) -> Federation:
    """Return the federation as the desired state of a reconciliation that skips what it may not read."""
    return replace(federation, skip_unreadable=True)


def is_refused(error: BaseException) -> bool:
    """Whether it would be the same at the next attempt: a deployment that met it while it looked wrote nothing."""
    if isinstance(error, GoogleError):
        return error.status in REFUSED or (error.status == 400 and error.reason in MALFORMED)
    if isinstance(error, RefreshError):  # the layer's errors of the chain are such, too
        return not error.retryable
    return isinstance(error, OwnershipError | PropertiesError)


def unseen(on: Target, error: GoogleError, given: set[Binding]) -> str:
    """What is told of something that was passed over; `given`: what the failed attempt wanted to give there."""
    told = f"Passed over: {on}, which may not be looked at. {error.answer.rstrip('.')}."
    left = ", ".join(sorted(map(str, given)))
    return f"{told} If that right was lost only since, this may be left: {left}." if left else told


def nothing_seen(federation: Federation, error: BaseException) -> str:
    """What is told where nothing could be looked at."""
    project = federation.project
    return (
        f"Passed over: all of the federation {federation.id} in the project {project}, which may not be looked at. "
        f"{str(error).rstrip('.')}. If that was otherwise before, see what is left: "
        f"gcloud iam service-accounts list --project={project} --filter=description:keyless and "
        f"gcloud iam workload-identity-pools providers list --project={project} --location=global "
        f"--workload-identity-pool={federation.pool.id}"
    )
