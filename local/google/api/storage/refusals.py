"""Cloud Storage's own shape of a refusal, and its words for a missing permission."""

from typing import Any

from local.google.errors import GoogleError
from local.google.iam.principals import Principal

REASONS = {
    "ABORTED": "conditionNotMet",
    "ALREADY_EXISTS": "conflict",
    "INTERNAL": "backendError",
    "INVALID_ARGUMENT": "invalid",
    "NOT_FOUND": "notFound",
    "OUT_OF_RANGE": "requestedRangeNotSatisfiable",
    "PERMISSION_DENIED": "forbidden",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "UNAUTHENTICATED": "authError",
    "UNAVAILABLE": "backendError",
}


def refusal(error: GoogleError) -> dict[str, Any]:
    """The body of a refusal; unlike other APIs, this one names no `status`."""
    reason = "conflict" if error.code == 409 else REASONS.get(error.status, "conditionNotMet")
    if any(detail.get("reason") == "SERVICE_DISABLED" for detail in error.details):
        reason = "accessNotConfigured"
    entry = {"message": error.message, "domain": "global", "reason": reason}
    if reason == "authError":
        entry |= {"message": "Invalid Credentials", "location": "Authorization", "locationType": "header"}
    if error.code == 412:
        entry |= {"location": "If-Match", "locationType": "header"}
    shown = {"code": error.code, "message": entry["message"], "errors": [entry]}
    return {"error": {**shown, "details": list(error.details)} if error.details else shown}


def denied(principal: Principal, permission: str, resource: str) -> GoogleError:
    """403 for a permission on a project, bucket or object; the message alone tells which, as no details do."""
    kind = "object" if "/objects/" in resource else "bucket" if "/buckets/" in resource else "project"
    who = principal.email or principal.name
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"{who} does not have {permission} access to the Google Cloud {'Storage ' * (kind != 'project')}{kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist).",
    )
