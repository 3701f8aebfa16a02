"""A project's audit config: which Data Access logs Cloud Logging would be given.

Admin activity and BigQuery are always logged; reads and data of any other service only where the config says so.
https://cloud.google.com/logging/docs/audit/configure-data-access
"""

import re
from collections.abc import Callable
from typing import Any

from local.google.cloud import Cloud
from local.google.errors import invalid_argument
from local.google.iam.service_accounts import EMAIL
from local.google.projects import CATALOGUE, Project
from local.google.state.audit import ADMIN_WRITE, Entry

Json = dict[str, Any]
EVERY_SERVICE = "allServices"
# https://cloud.google.com/iam/docs/audit-logging/audit-logging-iamcreds: its logs are switched on with those of IAM.
LOGGED_WITH_IAM = "iamcredentials.googleapis.com"
WITH_IAM = "iam.googleapis.com"
ALWAYS_LOGGED = "bigquery.googleapis.com"
LOG_TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
OWNER = re.compile(r"projects/([^/]+)(?:/serviceAccounts/([^/]+)|/buckets/([^/]+))?")


def read(document: Any, require_member: Callable[[str], None]) -> tuple[Json, ...]:
    """The configs that a caller wants, one for each service, or 400."""
    if not isinstance(document, list) or not all(isinstance(config, dict) for config in document):
        raise invalid_argument("Invalid value at 'policy.audit_configs': a list of configs is expected.")
    found: dict[str, dict[str, set[str]]] = {}
    for config in document:
        service = str(config.get("service", ""))
        if service != EVERY_SERVICE and service not in CATALOGUE:
            raise invalid_argument(f"Audit config has an unknown service: {service!r}.")
        if service == LOGGED_WITH_IAM:
            raise invalid_argument(f"Audit config is not supported for service {service!r}.")
        for log in config.get("auditLogConfigs") or []:
            kind, exempted = log.get("logType"), log.get("exemptedMembers") or []
            if kind not in LOG_TYPES:
                raise invalid_argument(f"Invalid value at 'log_type': {kind!r}.")
            for member in exempted:
                require_member(str(member))
            found.setdefault(service, {}).setdefault(str(kind), set()).update(map(str, exempted))
    return tuple(_config(service, found[service]) for service in sorted(found))


def _config(service: str, logs: dict[str, set[str]]) -> Json:
    configs: list[Json] = []
    for kind, exempted in sorted(logs.items()):
        configs.append({"logType": kind, "exemptedMembers": sorted(exempted)} if exempted else {"logType": kind})
    return {"service": service, "auditLogConfigs": configs}


def logged(cloud: Cloud, entry: Entry) -> bool:
    """Whether Cloud Logging would be given this call."""
    if entry.log_type == ADMIN_WRITE or entry.service == ALWAYS_LOGGED:
        return True
    service = WITH_IAM if entry.service == LOGGED_WITH_IAM else entry.service
    project = _project(cloud, entry.resource)
    configs = cloud.policies.get(project.resource).audit if project else ()
    exempted = [
        set(log.get("exemptedMembers", ()))
        for config in configs
        if config["service"] in (service, EVERY_SERVICE)
        for log in config["auditLogConfigs"]
        if log["logType"] == entry.log_type
    ]
    caller = {f"{prefix}{entry.principal}" for prefix in ("", "user:", "serviceAccount:")}
    return bool(exempted) and not set.union(*exempted) & caller


def _project(cloud: Cloud, resource: str) -> Project | None:
    """The project whose audit config counts for a resource."""
    match = OWNER.match(resource)
    if match is None:
        return None
    email = EMAIL.fullmatch(match[2] or "")
    if match[1] == "_":
        return cloud.buckets.project_of(match[3] or "")
    return cloud.projects.find(email[1] if match[1] == "-" and email else match[1])
