"""What to do about a failed deployment, for the reason that CloudFormation shows."""

import re
from collections.abc import Iterator, Mapping, Sequence

from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from keyless_federation.errors import DeadlineError, GoogleError
from keyless_federation.model import rules
from keyless_federation.model.federation import Federation
from keyless_federation.model.grants import Grant
from keyless_federation.model.kinds import PROJECT
from keyless_federation.model.targets import Target

from .cloudformation import MOST_REASON

ROLE = re.compile(r"(?:(?:projects|organizations)/[^/\s]+/)?roles/[\w.]+")
# The bootstrap gives the rights on these by itself (not those on accounts of other projects), else by --grants-on KIND.
ALWAYS = ("iam.", "resourcemanager.", "serviceusage.")
WAY_OUT = 'To let the stack go and leave on Google what it made there: on_unreachable="leave" (docs/delete.md).'
REJECTED = (401, 403, 429)  # Google's answers to an identity that is gone or over its quota
MOST_TOLD = 700  # characters before the way out
ROOM = MOST_REASON - 200  # CloudFormation cuts a reason, and where to read more is added to it


def reason(error: BaseException, federation: Federation | None, environ: Mapping[str, str]) -> str:
    """What failed, and the command that mends it where one is known; of a long story the command is what stays.

    `environ` is that of the function: it names the stage, the region and the deployer.
    """
    told = (str(error) or type(error).__name__).rstrip(".")
    remedy = _remedy(error, federation, environ) if federation else ""
    if len(told) + len(remedy) > ROOM:
        told = f"{told[: max(ROOM - len(remedy), 100)]} .."
    return f"{told}. {remedy}".strip()


def with_way_out(told: str) -> str:
    """Return the reason of a failed deletion, and how to get rid of the stack nevertheless."""
    return f"{told[:MOST_TOLD]} {WAY_OUT}"


def is_unreachable(error: BaseException) -> bool:
    """Return whether Google is unreachable: no answer, a timeout, or our credentials are rejected."""
    if isinstance(error, GoogleError):
        return error.status == 0 or error.status in REJECTED or error.status >= 500
    # Of the layer's errors, those of the chain are of this kind.
    return isinstance(error, DeadlineError | GoogleAuthError | RequestException)


def leftover_message(federation: Federation) -> str:
    """Return what a stack that goes may leave behind, for the log and for CloudFormation."""
    accounts = ", ".join(federation.email(account.name) for account in federation.accounts) or "none"
    roles = ", ".join(sorted({role for one in federation.direct for role in (*one.aws_roles, *one.aws_principals)}))
    direct = f", and what was granted directly to {roles}" if roles else ""
    return (
        f"Left in the project {federation.project}, as Google could not be reached: the provider {federation.id}, "
        f"the pool {federation.pool.id} and, with all that they were granted, the service accounts {accounts}{direct}"
    )


def _remedy(error: BaseException, federation: Federation, environ: Mapping[str, str]) -> str:
    error = error.last if isinstance(error, DeadlineError) and error.last else error
    if hasattr(error, "link"):  # one of the layer's ChainErrors: impersonating the deployer failed
        command = " ".join(_bootstrap(federation, environ))
        return f"If Google does not know this stage and region yet, bootstrap them: {command}"
    if not isinstance(error, GoogleError) or error.status != 403 or error.reason == "SERVICE_DISABLED":
        return ""
    about = [grant for grant in _grants(federation) if _is_about(error, grant.on)]
    other = _other_project(about, federation)
    start = _elsewhere(other, federation, environ) if other else _bootstrap(federation, environ)
    command = " ".join([*start, *_flags(error, about, known=ALWAYS[1:] if other else ALWAYS)])
    where = f" in the project {other}" if other else ""
    return f"The deployer needs {', '.join(error.needs)}{where}; let the bootstrap grant it: {command}"


def _flags(error: GoogleError, about: Sequence[Grant], known: tuple[str, ...]) -> Iterator[str]:
    if any(permission.startswith(f"{PROJECT.permission}.") for permission in error.needs):
        roles = ROLE.findall(error.attempted) or [grant.role for grant in about]
        yield from (f"--grantable-role {role}" for role in sorted(set(roles)))
    # pubsub.topics.setIamPolicy is about pubsub.topics.
    kinds = {permission.rpartition(".")[0] for permission in error.needs if not permission.startswith(known)}
    yield from (f"--grants-on {kind}" for kind in sorted(kinds))


def _grants(federation: Federation) -> Iterator[Grant]:
    for account in federation.accounts:
        yield from account.grants
    for direct in federation.direct:
        yield from direct.grants


def _is_about(error: GoogleError, on: Target) -> bool:
    return re.search(rf"{re.escape(str(on))}(?![\w./-])", error.attempted) is not None


def _other_project(about: Sequence[Grant], federation: Federation) -> str:
    """The project of the resource that was refused, where it is not the federation's own; empty where it is."""
    projects = {_project_of(grant.on) for grant in about} - {"", "-", federation.project, federation.number}
    return next(iter(sorted(projects)), "")


def _project_of(on: Target) -> str:
    """The project in its name; a bucket's names none."""
    return on.parts[0] if on.kind == PROJECT or len(on.parts) > 1 else ""


def _bootstrap(federation: Federation, environ: Mapping[str, str]) -> Iterator[str]:
    name = rules.HANDLER_NAME.fullmatch(environ.get("AWS_LAMBDA_FUNCTION_NAME", ""))
    stage, region = (name["stage"], name["region"]) if name else ("STAGE", "REGION")
    yield from _start(federation.project, federation)
    yield f"--stage {stage} --region {region}"
    if (home := _home(environ)) not in ("", federation.project):
        yield f"--identity-project {home}"


def _elsewhere(other: str, federation: Federation, environ: Mapping[str, str]) -> Iterator[str]:
    yield from _start(other, federation)
    yield f"--identity-project {_home(environ) or federation.project} --grants-only"


def _start(project: str, federation: Federation) -> Iterator[str]:
    yield f"keyless bootstrap --project {project} --account {federation.provider.aws_account}"


def _home(environ: Mapping[str, str]) -> str:
    """The project that the deployer lives in, empty where the environment does not tell."""
    return rules.project_of_email(environ.get("KEYLESS_SERVICE_ACCOUNT", ""))
