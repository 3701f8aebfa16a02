"""Who runs the bootstrap: credentials of an administrator, and what to do when they do not suffice."""

import os
from typing import Any

import google.auth
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.auth.transport.requests import AuthorizedSession

from keyless_federation.errors import GoogleError

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 -- the name of a variable
LOGIN = f"Run `gcloud auth application-default login`, or set {TOKEN} to what `gcloud auth print-access-token` prints."
ADMIN = (
    "roles/owner of the project will do, or together roles/iam.workloadIdentityPoolAdmin, roles/iam.roleAdmin, "
    "roles/iam.serviceAccountAdmin, roles/resourcemanager.projectIamAdmin and roles/serviceusage.serviceUsageAdmin"
)
READER = (
    "to look, roles/viewer, roles/iam.securityReviewer, roles/iam.workloadIdentityPoolViewer and "
    "roles/serviceusage.serviceUsageConsumer will do, in both projects if there are two"
)


def session() -> AuthorizedSession:
    """A session of whoever GOOGLE_OAUTH_ACCESS_TOKEN or, without it, Application Default Credentials stand for."""
    token = os.environ.get(TOKEN, "").strip()
    return AuthorizedSession(_AccessToken(token) if token else google.auth.default(scopes=[CLOUD_PLATFORM])[0])


def explain(error: Exception, roles: str = ADMIN) -> str:
    """What failed, and what whoever needs `roles` for this can do about it."""
    told = str(error).rstrip(".")
    if isinstance(error, GoogleAuthError):
        return f"{told}." if TOKEN in told else f"Could not authenticate to Google: {told}. {LOGIN}"
    if not isinstance(error, GoogleError) or error.status not in (401, 403, 404):
        return f"{told}."
    if error.status == 401:
        return f"{told}. {LOGIN}"
    if "quota project" in error.words or "permission to use project" in error.words:
        return (
            f"{told}. Run `gcloud auth application-default set-quota-project PROJECT` with a project on which you have "
            "roles/serviceusage.serviceUsageConsumer."
        )
    if "resourcemanager.projects.get" in error.needs:
        return f"{told}. Check the project's ID, and that you may see it."
    return f"{told}. You need {', '.join(error.needs)}: {roles}."


class _AccessToken(Credentials):
    """A token that was handed over, and cannot be had again."""

    def __init__(self, token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token

    def refresh(self, request: Any) -> None:
        raise RefreshError(f"Google does not take the token in {TOKEN}: it may have expired. {LOGIN}")
