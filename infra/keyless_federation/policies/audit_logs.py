"""Data Access logs in a project's policy: without them, Google writes no line about a token exchange."""

from collections.abc import Iterable

from keyless_federation.model.fields import Json

# https://cloud.google.com/logging/docs/audit/configure-data-access
TYPES = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
ALL = "allServices"


def silent(policy: Json, services: Iterable[str]) -> list[str]:
    """Those of the services of which not everything is logged."""
    return [service for service in services if _missing(policy, service)]


def switched_on(policy: Json, services: Iterable[str]) -> Json | None:
    """The policy with all logs of these services on, exemptions kept; None when nothing changes."""
    changed = policy
    for service in services:
        if missing := _missing(changed, service):
            changed = {**changed, "auditConfigs": _with(changed.get("auditConfigs", []), service, missing)}
    return changed if changed is not policy else None


def _missing(policy: Json, service: str) -> list[str]:
    on = {
        log.get("logType")
        for config in policy.get("auditConfigs", [])
        if config.get("service") in (service, ALL)
        for log in config.get("auditLogConfigs", [])
        if config["service"] == service or not log.get("exemptedMembers")
    }
    return [kind for kind in TYPES if kind not in on]


def _with(configs: list[Json], service: str, missing: list[str]) -> list[Json]:
    logs = [{"logType": kind} for kind in missing]
    if not any(config.get("service") == service for config in configs):
        return [*configs, {"service": service, "auditLogConfigs": logs}]
    return [
        {**config, "auditLogConfigs": [*config.get("auditLogConfigs", []), *logs]}
        if config.get("service") == service
        else config
        for config in configs
    ]
