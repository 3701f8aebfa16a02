"""Grants on BigQuery datasets, which keep them in a list of their own (`access`) and under names of their own."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from .errors import GoogleError
from .google import Google, Json, Request
from .resources import Dataset

# https://cloud.google.com/bigquery/docs/reference/rest/v2/datasets: what is set as the left comes back as the right
LEGACY = {
    "roles/bigquery.dataViewer": "READER",
    "roles/bigquery.dataEditor": "WRITER",
    "roles/bigquery.dataOwner": "OWNER",
}
VERSION = {"accessPolicyVersion": 3}  # the one that shows and keeps conditions
MOST_CONFLICTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One service account in one role on a dataset; `role` is spelled as BigQuery answers it."""

    role: str
    email: str

    def __str__(self) -> str:
        return f"{self.role} for {self.email}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAccess:
    """Add and remove entries of one dataset; views, routines, conditions and other people stay."""

    on: Dataset
    add: tuple[Access, ...] = ()
    remove: tuple[Access, ...] = ()
    known: Json | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        given = [f"grant {access}" for access in self.add]
        taken = [f"take away {access}" for access in self.remove]
        return f"on {self.on}: {'; '.join([*given, *taken])}"

    def apply(self, google: Google) -> None:
        """Read unless known, change, write; read again when someone else was quicker."""
        dataset = self.known
        for attempt in range(MOST_CONFLICTS):
            dataset = dataset if dataset is not None else find_dataset(google, self.on)
            entries = change(dataset or {}, self.add, self.remove)
            if entries is None or dataset is None:
                return
            try:
                google.send(_patch(self, entries, dataset.get("etag", "")))
                return
            except GoogleError as error:
                if error.status not in (409, 412) or attempt == MOST_CONFLICTS - 1:
                    raise
            dataset = None


def find_dataset(google: Google, on: Dataset) -> Json | None:
    """The dataset with its access list, or None."""
    return google.find(
        Request(
            what=f"read {on}",
            method="GET",
            service="bigquery",
            path=_path(on),
            query=VERSION,
            needs=("bigquery.datasets.get", "bigquery.datasets.getIamPolicy"),
        )
    )


def access(role: str, email: str) -> Access:
    """A role on a dataset, as BigQuery will spell it."""
    return Access(role=LEGACY.get(role, role), email=email)


def accesses_of(dataset: Json) -> set[Access]:
    """All unconditional entries of a dataset that are about one address."""
    return {found for entry in dataset.get("access", []) if (found := _of(entry))}


def change(dataset: Json, add: Iterable[Access], remove: Iterable[Access]) -> list[Json] | None:
    """The access list with these entries added and removed, all else as it was; None when nothing changes."""
    entries, present, gone = dataset.get("access", []), accesses_of(dataset), set(remove) - set(add)
    missing = [found for found in add if found not in present]
    if not missing and not gone & present:
        return None
    kept = [entry for entry in entries if _of(entry) not in gone]
    return [*kept, *({"role": found.role, "userByEmail": found.email} for found in missing)]


def _of(entry: Json) -> Access | None:
    if "condition" in entry or "role" not in entry:
        return None
    member = entry.get("iamMember", "").removeprefix("deleted:").removeprefix("serviceAccount:").partition("?")[0]
    email = entry.get("userByEmail") or member
    return access(entry["role"], email) if email else None


def _path(on: Dataset) -> str:
    return f"bigquery/v2/projects/{on.project}/datasets/{on.id}"


def _patch(step: ChangeAccess, entries: list[Json], etag: str) -> Request:
    return Request(
        what=f"change the access to {step.on} ({'; '.join(str(found) for found in (*step.add, *step.remove))})",
        method="PATCH",
        service="bigquery",
        path=_path(step.on),
        query=VERSION,
        body={"access": entries},
        headers={"If-Match": etag} if etag else {},
        needs=("bigquery.datasets.update", "bigquery.datasets.setIamPolicy"),
    )
