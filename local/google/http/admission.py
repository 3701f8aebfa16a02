"""What every call of every API goes through: an audit entry, the API being enabled, quotas and who pays."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from local.google.cloud import Cloud
from local.google.errors import GoogleError, service_disabled
from local.google.http.audit_configs import logged
from local.google.iam.principals import Principal
from local.google.iam.service_accounts import EMAIL
from local.google.projects import CATALOGUE
from local.google.state.audit import ADMIN_WRITE, Entry


def begin(host: str, name: str, log_type: str = ADMIN_WRITE) -> Entry:
    """The audit entry of a call that starts now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Entry(time=now, service=host, method=name, log_type=log_type)


def finish(cloud: Cloud, entry: Entry, started: float, status: int) -> None:
    """Record a call that began at `started` (monotonic seconds) and ends now."""
    entry.status, entry.duration_ms = status, round((time.monotonic() - started) * 1000, 2)
    entry.logged = logged(cloud, entry)
    cloud.audit.record(entry)


def require_enabled(cloud: Cloud, host: str, path: Mapping[str, str]) -> None:
    """403 SERVICE_DISABLED unless the API is enabled in the project that the path is about."""
    key = path.get("project")
    account = EMAIL.fullmatch(path.get("account", "")) if key == "-" else None
    project = cloud.projects.find(account[1] if account else key or "")
    if project is not None and host not in project.enabled:
        raise service_disabled(host, CATALOGUE[host], project.number)


def spend_quota(cloud: Cloud, entry: Entry, path: Mapping[str, str]) -> None:
    """429 when the quotas allow no such call now."""
    project = cloud.projects.find(path.get("project", ""))
    cloud.quotas.spend(entry, project.number if project else cloud.settings.project_number)


def require_quota_project(cloud: Cloud, principal: Principal, name: str | None) -> None:
    """403 unless a caller that names a quota project may use it."""
    if name is None:
        return
    project = cloud.projects.find(name)
    resource = project.resource if project else f"projects/{name}"
    if not cloud.access.allowed(principal, "serviceusage.services.use", resource):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Caller does not have required permission to use project {name}. Grant the caller the "
            "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use "
            "permission.",
        )
