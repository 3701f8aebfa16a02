"""What to do about a failed deployment, for the reason that CloudFormation shows."""

import re

from .desired import Federation
from .errors import GoogleError, OutOfTime

NAME = re.compile(r"keyless-federation-(?P<stage>[^-]+)-(?P<region>.+)")


def reason(error: BaseException, federation: Federation | None, function_name: str) -> str:
    """What failed, and the command that mends it where one is known."""
    told = str(error) if str(error) else type(error).__name__
    remedy = _remedy(error, federation, function_name) if federation else ""
    return f"{told.rstrip('.')}. {remedy}".strip()


def _remedy(error: BaseException, federation: Federation | None, function_name: str) -> str:
    command = _bootstrap(federation, function_name)
    error = error.last if isinstance(error, OutOfTime) and error.last else error
    if hasattr(error, "link"):  # one of the layer's ChainErrors: the deployer could not be become
        return f"If Google does not know this stage and region yet, bootstrap them: {command}"
    if not isinstance(error, GoogleError) or error.status != 403 or error.reason == "SERVICE_DISABLED":
        return ""
    flag = ""
    if any(permission.startswith("bigquery.") for permission in error.needs):
        flag = " --dataset-grants"
    elif "resourcemanager.projects.setIamPolicy" in error.needs:
        flag = "".join(f" --grantable-role {role}" for role in sorted(set(re.findall(r"roles/[\w.]+", str(error)))))
    return f"The deployer needs {', '.join(error.needs)}; let the bootstrap grant it: {command}{flag}"


def _bootstrap(federation: Federation | None, function_name: str) -> str:
    name = NAME.fullmatch(function_name)
    stage, region = (name["stage"], name["region"]) if name else ("STAGE", "REGION")
    project, account = (federation.project, federation.provider.aws_account) if federation else ("PROJECT", "ACCOUNT")
    return f"python -m infra.bootstrap --project {project} --account {account} --stage {stage} --region {region}"
