"""A bucket's configuration: what a caller may set, and what Cloud Storage makes of it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from local.google.errors import invalid_argument

Json = dict[str, Any]
FIELDS = (
    "autoclass",
    "billing",
    "cors",
    "customPlacementConfig",
    "defaultEventBasedHold",
    "encryption",
    "hierarchicalNamespace",
    "iamConfiguration",
    "labels",
    "lifecycle",
    "location",
    "logging",
    "retentionPolicy",
    "rpo",
    "softDeletePolicy",
    "storageClass",
    "versioning",
    "website",
)
FIXED = ("location", "hierarchicalNamespace", "customPlacementConfig")
MULTI_REGIONS, DUAL_REGIONS = ("US", "EU", "ASIA"), ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4")
CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY")
ACTIONS = ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload")
WEEK = 7 * 86400


def normalised(document: Mapping[str, Any], before: Mapping[str, Any]) -> Json:
    """The document as Cloud Storage keeps it, with its defaults, or 400; `before` is what it was."""
    asked = {key: document[key] for key in FIELDS if document.get(key) is not None}
    made: Json = {**{key: before[key] for key in FIXED if key in before}, **asked}
    made["location"] = str(made.get("location") or "US").upper()
    for key in FIXED:
        if before and made.get(key) != before.get(key):
            raise invalid_argument(f"The bucket's {key} cannot be changed.")
    made["locationType"] = _location_type(made)
    made["storageClass"] = _storage_class(made.get("storageClass") or "STANDARD")
    if made["locationType"] != "region":
        made.setdefault("rpo", "DEFAULT")
    made["iamConfiguration"] = _access(made.get("iamConfiguration"), before.get("iamConfiguration", {}))
    made["softDeletePolicy"] = _soft_delete(made.get("softDeletePolicy"), before.get("softDeletePolicy", {}))
    made["lifecycle"] = _lifecycle(made.get("lifecycle"))
    return {key: value for key, value in made.items() if value not in ({}, [])}


def _object(value: Any, name: str) -> Json:
    if value is not None and not isinstance(value, dict):
        raise invalid_argument(f"Invalid value at '{name}': an object is expected.")
    return dict(value or {})


def _location_type(document: Json) -> str:
    location = document["location"]
    if location in MULTI_REGIONS and "customPlacementConfig" not in document:
        return "multi-region"
    return "dual-region" if location in (*MULTI_REGIONS, *DUAL_REGIONS) else "region"


def _storage_class(name: Any) -> str:
    if name not in CLASSES:
        raise invalid_argument(f"Invalid argument: storageClass {name!r}.")
    return str(name)


def _access(value: Any, before: Json) -> Json:
    """Uniform access goes under its old name too; public access is as it is inherited unless told otherwise."""
    asked = _object(value, "iamConfiguration")
    uniform = _object(asked.get("uniformBucketLevelAccess") or asked.get("bucketPolicyOnly"), "iamConfiguration")
    prevention = asked.get("publicAccessPrevention") or "inherited"
    if prevention not in ("inherited", "unspecified", "enforced"):
        raise invalid_argument(f"Invalid argument: publicAccessPrevention {prevention!r}.")
    kept = {"enabled": bool(uniform.get("enabled"))}
    was = before.get("uniformBucketLevelAccess", {})
    shown = {**kept, "lockedTime": was.get("lockedTime") or stamp(90)} if kept["enabled"] else kept
    return {"uniformBucketLevelAccess": shown, "bucketPolicyOnly": shown, "publicAccessPrevention": prevention}


def _soft_delete(value: Any, before: Json) -> Json:
    asked = _object(value, "softDeletePolicy").get("retentionDurationSeconds", WEEK)
    try:
        seconds = int(asked)
    except (TypeError, ValueError) as error:
        raise invalid_argument(f"Invalid argument: retentionDurationSeconds {asked!r}.") from error
    if seconds != 0 and not WEEK <= seconds <= 90 * 86400:
        raise invalid_argument("Soft delete policy retention duration must be 0 or between 7 and 90 days.")
    if before.get("retentionDurationSeconds") == str(seconds):
        return before
    return {"retentionDurationSeconds": str(seconds), "effectiveTime": stamp()}


def _lifecycle(value: Any) -> Json:
    rules = _object(value, "lifecycle").get("rule") or []
    for rule in rules:
        action, condition = _object(rule.get("action"), "action"), _object(rule.get("condition"), "condition")
        if action.get("type") not in ACTIONS:
            raise invalid_argument(f"Invalid argument: lifecycle action {action.get('type')!r}.")
        if action["type"] == "SetStorageClass":
            _storage_class(action.get("storageClass"))
        if not condition:
            raise invalid_argument("A lifecycle rule needs a condition.")
    return {"rule": rules} if rules else {}


def stamp(days: int = 0) -> str:
    """The time now, or in some days, as the API writes it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
