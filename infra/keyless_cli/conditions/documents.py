"""Providers in documents that other tools print: `gcloud ... --format=json` and `terraform show -json`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from keyless_cli.conditions.sources import NotFoundError, Provider, of_google, read_file
from keyless_federation.conditions.trust import DEFAULT_MAPPING

TERRAFORM_TYPE = "google_iam_workload_identity_pool_provider"
SHAPES = (
    "`gcloud iam workload-identity-pools providers describe ... --format=json` (or `list`), or a Terraform plan's "
    "`terraform show -json`"
)
Json = Mapping[str, Any]


def from_document(path: Path) -> list[Provider]:
    """Return the AWS providers of a document, which is recognised by its shape; raise NotFoundError without any."""
    document = read_file(path, _json)
    found = list(_providers(document))
    if not found:
        raise NotFoundError(f"{path} has no provider for AWS; it must be what {SHAPES} prints")
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error}); write it with {SHAPES}") from error


def _providers(document: Any) -> Iterator[Provider]:
    if isinstance(document, list):
        for each in document:
            yield from _providers(each)
    elif not isinstance(document, Mapping):
        return
    elif isinstance(document.get("aws"), Mapping):
        yield of_google(document)
    else:
        unknown = dict(_unknown(document))
        for state in ("planned_values", "values"):
            for resource in _resources(document.get(state, {}).get("root_module", {})):
                yield from _of_terraform(resource, unknown.get(resource["address"], {}))


def _resources(module: Json) -> Iterator[Json]:
    yield from (one for one in module.get("resources", []) if one.get("type") == TERRAFORM_TYPE)
    for child in module.get("child_modules", []):
        yield from _resources(child)


def _unknown(document: Json) -> Iterator[tuple[str, Json]]:
    """Which values of each resource are known only after `terraform apply`."""
    for change in document.get("resource_changes", []):
        yield change["address"], change.get("change", {}).get("after_unknown") or {}


def _of_terraform(resource: Json, unknown: Json) -> Iterator[Provider]:
    values, address = resource["values"], resource["address"]
    aws = (values.get("aws") or [{}])[0]
    if not values.get("aws") and not unknown.get("aws"):
        return  # a provider of another type
    open_values = [name for name in ("attribute_condition", "attribute_mapping") if _is_open(unknown.get(name))]
    open_values += [] if aws.get("account_id") else ["aws.account_id"]
    if open_values:
        raise NotFoundError(
            f"{address}: {', '.join(open_values)} cannot be known before `terraform apply`; "
            "give it with --condition, --mapping and --account"
        )
    yield Provider(
        name=address,
        account=aws["account_id"],
        mapping=values.get("attribute_mapping") or DEFAULT_MAPPING,
        condition=values.get("attribute_condition") or "",
    )


def _is_open(unknown: Any) -> bool:
    return any(unknown.values()) if isinstance(unknown, Mapping) else bool(unknown)
