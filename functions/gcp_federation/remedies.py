"""What to do about a failed deployment, for the reason that CloudFormation shows."""

import re
from collections.abc import Iterable, Iterator

from .cloudformation import MOST_REASON
from .desired import Federation
from .errors import GoogleError, OutOfTime

NAME = re.compile(r"keyless-federation-(?P<stage>[^-]+)-(?P<region>.+)")
ROLE = re.compile(r"(?:(?:projects|organizations)/[^/\s]+/)?roles/[\w.]+")
# The bootstrap gives the rights on these by itself; on all others with --grants-on KIND.
ALWAYS = ("iam.", "resourcemanager.", "serviceusage.")
ROOM = MOST_REASON - 200  # CloudFormation cuts a reason, and where to read more is added to it


def reason(error: BaseException, federation: Federation | None, function_name: str) -> str:
    """What failed, and the command that mends it where one is known; of a long story the command is what stays."""
    told = (str(error) if str(error) else type(error).__name__).rstrip(".")
    remedy = _remedy(error, federation, function_name) if federation else ""
    if len(told) + len(remedy) > ROOM:
        told = told[: max(ROOM - len(remedy), 200)] + " ..."
    return f"{told}. {remedy}".strip()


def _remedy(error: BaseException, federation: Federation, function_name: str) -> str:
    command = _bootstrap(federation, function_name)
    error = error.last if isinstance(error, OutOfTime) and error.last else error
    if hasattr(error, "link"):  # one of the layer's ChainErrors: the deployer could not be become
        return f"If Google does not know this stage and region yet, bootstrap them: {command}"
    if not isinstance(error, GoogleError) or error.status != 403 or error.reason == "SERVICE_DISABLED":
        return ""
    needs = ", ".join(error.needs)
    if elsewhere := _elsewhere(error, federation):
        return f"The deployer needs {needs} in the project {elsewhere}, which is not its own: grant it there"
    return " ".join([f"The deployer needs {needs}; let the bootstrap grant it: {command}", *_flags(error)])


def _flags(error: GoogleError) -> Iterator[str]:
    if "resourcemanager.projects.setIamPolicy" in error.needs:
        yield from (f"--grantable-role {role}" for role in sorted(set(ROLE.findall(error.attempted))))
    yield from (f"--grants-on {kind}" for kind in sorted(set(_kinds(error.needs))))


def _kinds(permissions: Iterable[str]) -> Iterator[str]:
    """The kinds of resource that permissions are about: pubsub.topics.setIamPolicy is about pubsub.topics."""
    return (permission.rpartition(".")[0] for permission in permissions if not permission.startswith(ALWAYS))


def _elsewhere(error: GoogleError, federation: Federation) -> str | None:
    """The other project that a grant was for."""
    return None


def _bootstrap(federation: Federation, function_name: str) -> str:
    name = NAME.fullmatch(function_name)
    stage, region = (name["stage"], name["region"]) if name else ("STAGE", "REGION")
    project, account = federation.project, federation.provider.aws_account
    return f"python -m infra.bootstrap --project {project} --account {account} --stage {stage} --region {region}"
