"""BigQuery datasets, which keep their policy as a list of their own (`access`), in words of their own.

https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets
"""

from collections.abc import Iterable

from keyless_federation.google.client import Request
from keyless_federation.google.shapes import DATASET
from keyless_federation.model.bindings import Binding, condition_of, with_condition
from keyless_federation.model.fields import Json
from keyless_federation.model.targets import Target

# What is set as the right comes back as the left.
BASIC = {
    "READER": "roles/bigquery.dataViewer",
    "WRITER": "roles/bigquery.dataEditor",
    "OWNER": "roles/bigquery.dataOwner",
}
DELETED = "deleted:"
VERSION = {"accessPolicyVersion": 3}  # the one that shows and keeps conditions
WHOLE = {"datasetView": "FULL"}  # refused, where the default may leave the list out, to who may not see it


def reading(on: Target) -> Request:
    """What asks for the dataset."""
    return Request(
        what=f"read {on}",
        method="GET",
        service=on.kind.service,
        path=f"{on.kind.root}/{on.path}",
        query={**VERSION, **WHOLE},
        needs=("bigquery.datasets.get", "bigquery.datasets.getIamPolicy"),
        answer=DATASET,
    )


def writing(on: Target, dataset: Json, why: str) -> Request:
    """What puts the list in place, if the dataset is still the one that was read."""
    return Request(
        what=f"change the access to {on} ({why})",
        method="PATCH",
        service=on.kind.service,
        path=f"{on.kind.root}/{on.path}",
        query=VERSION,
        body={"access": [entry for entry in dataset["access"] if not _is_deleted(entry)]},
        headers={"If-Match": dataset["etag"]},
        needs=("bigquery.datasets.update", "bigquery.datasets.setIamPolicy"),
        answer=DATASET,
    )


def bindings_of(dataset: Json) -> set[Binding]:
    """The entries that give one person, account or principal a role; views, groups and the like are none."""
    return {found for entry in dataset.get("access", []) if (found := _of(entry))}


def change(dataset: Json, add: Iterable[Binding], remove: Iterable[Binding]) -> Json | None:
    """The dataset with these entries added and removed, all others as they were; None when nothing changes."""
    wanted = list(dict.fromkeys(add))
    present, gone = bindings_of(dataset), set(remove) - set(wanted)
    missing = [binding for binding in wanted if binding not in present]
    if not missing and not gone & present:
        return None
    kept = [entry for entry in dataset["access"] if _of(entry) not in gone]
    return {**dataset, "access": [*kept, *map(_entry, missing)]}


def _of(entry: Json) -> Binding | None:
    role, member, email = (str(entry.get(name, "")) for name in ("role", "iamMember", "userByEmail"))
    if email:
        kind = "serviceAccount:" if email.endswith("gserviceaccount.com") else "user:"
        member = email if email.startswith(DELETED) else kind + email
    if not member or not role:
        return None
    return Binding(role=BASIC.get(role, role), member=member, condition=condition_of(entry))


def _is_deleted(entry: Json) -> bool:
    """Return whether the entry is one of a deleted member: it gives nothing, and BigQuery refuses to be sent it."""
    return any(str(entry.get(name, "")).startswith(DELETED) for name in ("iamMember", "userByEmail"))


def _entry(binding: Binding) -> Json:
    kind, _, email = binding.member.partition(":")
    who = {"userByEmail": email} if kind == "serviceAccount" else {"iamMember": binding.member}
    return with_condition({"role": binding.role, **who}, binding.condition)
