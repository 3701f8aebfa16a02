"""Refusals in the exact shapes in which Google Cloud makes them.

GoogleError        any API but STS: {"error": {code, message, status, details}}
OAuthError         STS: {"error", "error_description"}, RFC 6749
"""

from typing import Any

INVALID_TOKEN = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "  # noqa: S105
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
NOT_AUTHENTICATED = (
    "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
    "valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


class GoogleError(Exception):
    """An answer with HTTP status `code` and the google.rpc.Code `status`."""

    def __init__(self, code: int, status: str, message: str, *details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code, self.status, self.message, self.details = code, status, message, details

    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}


class OAuthError(Exception):
    """A refused token exchange; `reason` is for the audit log and tells more than the caller may know."""

    def __init__(self, error: str, description: str, *, code: int = 400, reason: str = "") -> None:
        super().__init__(description)
        self.error, self.description, self.code, self.reason = error, description, code, reason or description

    def body(self) -> dict[str, str]:
        """The answer's JSON."""
        return {"error": self.error, "error_description": self.description}


def error_info(reason: str, domain: str, **metadata: str) -> dict[str, Any]:
    """A google.rpc.ErrorInfo."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
    return {**info, "metadata": metadata} if metadata else info


def invalid_argument(message: str = "Request contains an invalid argument.") -> GoogleError:
    """400 INVALID_ARGUMENT."""
    return GoogleError(400, "INVALID_ARGUMENT", message)


def failed_precondition(message: str, *details: dict[str, Any]) -> GoogleError:
    """400 FAILED_PRECONDITION."""
    return GoogleError(400, "FAILED_PRECONDITION", message, *details)


def not_found(message: str = "Requested entity was not found.") -> GoogleError:
    """404 NOT_FOUND."""
    return GoogleError(404, "NOT_FOUND", message)


def already_exists(message: str = "Requested entity already exists") -> GoogleError:
    """409 ALREADY_EXISTS."""
    return GoogleError(409, "ALREADY_EXISTS", message)


def unauthenticated(message: str = INVALID_TOKEN, reason: str = "") -> GoogleError:
    """401 UNAUTHENTICATED."""
    details = [error_info(reason, "googleapis.com")] if reason else []
    return GoogleError(401, "UNAUTHENTICATED", message, *details)


def permission_denied(permission: str, resource: str) -> GoogleError:
    """403 PERMISSION_DENIED, as IAM says it."""
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource '//{permission.split('.')[0]}.googleapis.com/{resource}' "
        "(or it may not exist).",
        error_info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission, resource=resource),
    )


def caller_lacks_permission() -> GoogleError:
    """403 PERMISSION_DENIED, for a resource whose existence is not told."""
    return GoogleError(403, "PERMISSION_DENIED", "The caller does not have permission")


def scope_insufficient(service: str, method: str) -> GoogleError:
    """403 for a token whose OAuth scopes do not cover the method."""
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        "Request had insufficient authentication scopes.",
        error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service=service, method=method),
    )


def service_disabled(service: str, title: str, number: str) -> GoogleError:
    """403 for an API that was never enabled in the project of this number."""
    url = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    link = {"description": "Google developers console API activation", "url": url}
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {url} then "
        "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and "
        "retry.",
        {"@type": "type.googleapis.com/google.rpc.Help", "links": [link]},
        error_info(
            "SERVICE_DISABLED",
            "googleapis.com",
            service=service,
            serviceTitle=title,
            consumer=f"projects/{number}",
            activationUrl=url,
        ),
    )
