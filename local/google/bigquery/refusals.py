"""BigQuery's own shape of a refusal: Google's, with an `errors` list that its clients read."""

from typing import Any

from local.google.errors import GoogleError

REASONS = {
    "ABORTED": "conditionNotMet",
    "ALREADY_EXISTS": "duplicate",
    "FAILED_PRECONDITION": "conditionNotMet",
    "INTERNAL": "internalError",
    "INVALID_ARGUMENT": "invalid",
    "NOT_FOUND": "notFound",
    "PERMISSION_DENIED": "accessDenied",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "UNAUTHENTICATED": "authError",
    "UNAVAILABLE": "backendError",
}
STATUSES = {
    "accessDenied": (403, "PERMISSION_DENIED"),
    "duplicate": (409, "ALREADY_EXISTS"),
    "notFound": (404, "NOT_FOUND"),
}


def refusal(error: GoogleError) -> dict[str, Any]:
    """The body of a refusal."""
    reason = REASONS.get(error.status, "invalid")
    if (error.code, error.status) == (400, "FAILED_PRECONDITION"):
        reason = "resourceInUse"
    if any(detail.get("reason") == "SERVICE_DISABLED" for detail in error.details):
        reason = "accessNotConfigured"
    entry = {"message": error.message, "domain": "global", "reason": reason}
    if reason == "authError":
        entry |= {"message": "Invalid Credentials", "location": "Authorization", "locationType": "header"}
    body = error.body()
    return {"error": {**body["error"], "errors": [entry]}}


def denied_in_project(permission: str, project: str) -> GoogleError:
    """403 for a permission on a project."""
    return _denied(f"Project {project}", f"User does not have {permission} permission in project {project}.")


def denied_query(table: object) -> GoogleError:
    """403 for a query of a table whose data the caller may not read."""
    return _denied(
        f"Table {table}", f"User does not have permission to query table {table}, or perhaps it does not exist."
    )


def denied_on(kind: str, permission: str, name: object) -> GoogleError:
    """403 for a permission on a dataset or table."""
    return _denied(f"{kind} {name}", f"Permission {permission} denied on {kind.lower()} {name} (or it may not exist).")


def table_not_found(table: object) -> GoogleError:
    """404 for a table."""
    return GoogleError(404, "NOT_FOUND", f"Not found: Table {table} was not found in location US")


def not_found(kind: str, name: object) -> GoogleError:
    """404 for what is asked for itself, and not in a query."""
    return GoogleError(404, "NOT_FOUND", f"Not found: {kind} {name}")


def exists(kind: str, name: object) -> GoogleError:
    """409 for what is already there."""
    return GoogleError(409, "ALREADY_EXISTS", f"Already Exists: {kind} {name}")


def in_use(dataset: object) -> GoogleError:
    """400 for the deletion of a dataset that holds tables."""
    return GoogleError(400, "FAILED_PRECONDITION", f"Dataset {dataset} is still in use")


def invalid(message: str) -> GoogleError:
    """400 for what cannot be done to a table."""
    return GoogleError(400, "INVALID_ARGUMENT", message)


def from_job_error(error: dict[str, Any]) -> GoogleError:
    """What BigQuery answers to jobs.query when the job failed."""
    code, status = STATUSES.get(error.get("reason", ""), (400, "INVALID_ARGUMENT"))
    return GoogleError(code, status, str(error.get("message", "")))


def precondition_failed() -> GoogleError:
    """412 for an If-Match that does not match."""
    return GoogleError(412, "FAILED_PRECONDITION", "Precondition Failed")


def _denied(what: str, why: str) -> GoogleError:
    return GoogleError(403, "PERMISSION_DENIED", f"Access Denied: {what}: {why}")
