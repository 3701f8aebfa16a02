"""A dataset's `access` list: BigQuery's own spelling of a policy, kept as BigQuery would hand it back."""

from collections.abc import Iterable
from typing import Any

from local.google.errors import invalid_argument
from local.google.iam.policies import Binding, Condition, Policies, new_etag
from local.google.iam.policy_documents import PolicyReader

Json = dict[str, Any]

# https://cloud.google.com/bigquery/docs/access-control-basic-roles#dataset-basic-roles
BASIC = {
    "READER": "roles/bigquery.dataViewer",
    "WRITER": "roles/bigquery.dataEditor",
    "OWNER": "roles/bigquery.dataOwner",
}
SPELLED_BASIC = {role: basic for basic, role in BASIC.items()}
# On the left the field of an access entry, on the right the prefix of a policy's member.
MEMBER_FIELDS = {"userByEmail": "user", "groupByEmail": "group", "domain": "domain"}
SPECIAL = {
    "projectOwners": "projectOwner",
    "projectWriters": "projectEditor",
    "projectReaders": "projectViewer",
    "allAuthenticatedUsers": "allAuthenticatedUsers",
}
# Read back, but never taken: https://github.com/GoogleCloudPlatform/magic-modules/pull/11898
DELETED = "deleted:"
WITHOUT_ROLE = ("view", "routine", "dataset")


def resource(project: str, dataset: str) -> str:
    """A dataset's name as a resource that carries a policy."""
    return f"projects/{project}/datasets/{dataset}"


def default_access(creator: str | None) -> list[Json]:
    """What a new dataset gives to its project and to whoever made it."""
    groups = [("WRITER", "projectWriters"), ("OWNER", "projectOwners"), ("READER", "projectReaders")]
    entries: list[Json] = [{"role": role, "specialGroup": group} for role, group in groups]
    return [*entries, {"role": "OWNER", "userByEmail": creator}] if creator else entries


class DatasetAccess:
    """The access lists of all datasets; each is a policy too, which permission checks see like any other."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._entries: dict[str, list[Json]] = {}
        self._etags: dict[str, str] = {}

    def entries(self, dataset: str) -> list[Json]:
        """The access list."""
        return self._entries.get(dataset, [])

    def etag(self, dataset: str) -> str:
        """The dataset's etag: the same until something about the dataset changes."""
        return self._etags.setdefault(dataset, new_etag())

    def touch(self, dataset: str) -> None:
        """Give the dataset a new etag: something about it changed."""
        self._etags[dataset] = new_etag()

    def begin(self, project: str, dataset: str, entries: Iterable[Json]) -> None:
        """The list of a dataset that is new, which checks see at once."""
        name = resource(project, dataset)
        self._entries[name] = _unique(entries)
        self._policies.begin(name, _bindings(project, self._entries[name]))
        self.touch(name)

    def replace(self, project: str, dataset: str, entries: Iterable[Json]) -> None:
        """Put another list in its place; checks see it after the propagation delay."""
        name = resource(project, dataset)
        self._entries[name] = _unique(entries)
        self._policies.set(name, _bindings(project, self._entries[name]))
        self.touch(name)

    def drop(self, project: str, dataset: str) -> None:
        """Forget a dataset that was deleted."""
        name = resource(project, dataset)
        self._entries.pop(name, None)
        self._etags.pop(name, None)
        self._policies.drop(name)

    def rename_member(self, old: str, new: str) -> None:
        """Let every entry for the member `old` name `new`; the policies themselves are renamed with all others."""
        for name, entries in self._entries.items():
            renamed = [_named(entry, new) if _member("", entry) == old else entry for entry in entries]
            if renamed != entries:
                self._entries[name] = renamed
                self.touch(name)


def read_entries(document: Any, documents: PolicyReader) -> list[Json]:
    """The entries that a caller wants, spelled as BigQuery spells them, or 400."""
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise invalid_argument("access must be an array of access entries")
    return [_read_entry(entry, documents) for entry in document]


def _read_entry(entry: Json, documents: PolicyReader) -> Json:
    if any(key in entry for key in WITHOUT_ROLE):
        return entry
    role = str(entry.get("role", ""))
    if role not in BASIC:
        documents.require_role(role, "dataset")
    member = _member("", entry)
    if not member:
        raise invalid_argument("An access entry needs a role and one of userByEmail, iamMember, specialGroup, ...")
    if DELETED in member:
        raise invalid_argument(f"IAM setPolicy failed for Dataset: a deleted member cannot be set: {member}")
    if "specialGroup" not in entry:
        documents.require_member(member)
    documents.condition(entry.get("condition"))
    return _named({**entry, "role": SPELLED_BASIC.get(role, role)}, member)


def _member(project: str, entry: Json) -> str:
    if "specialGroup" in entry:
        special = SPECIAL.get(str(entry["specialGroup"]), "")
        return special if special.startswith("all") or not special else f"{special}:{project}"
    if "iamMember" in entry:
        return str(entry["iamMember"])
    for key, prefix in MEMBER_FIELDS.items():
        if key in entry:
            is_account = prefix == "user" and str(entry[key]).endswith(".gserviceaccount.com")
            return f"{'serviceAccount' if is_account else prefix}:{entry[key]}"
    return ""


def _named(entry: Json, member: str) -> Json:
    """The entry under the field that BigQuery uses for this kind of member."""
    if "specialGroup" in entry:
        return entry
    kept = {key: value for key, value in entry.items() if key not in (*MEMBER_FIELDS, "iamMember")}
    prefix, _, name = member.partition(":")
    if member == "allAuthenticatedUsers":
        return {**kept, "specialGroup": member}
    fields = {prefix: key for key, prefix in MEMBER_FIELDS.items()} | {"serviceAccount": "userByEmail"}
    return {**kept, fields[prefix]: name} if prefix in fields else {**kept, "iamMember": member}


def _bindings(project: str, entries: Iterable[Json]) -> list[Binding]:
    return [
        Binding(_role(entry), frozenset({_member(project, entry)}), _condition(entry))
        for entry in entries
        if "role" in entry
    ]


def _role(entry: Json) -> str:
    role = str(entry["role"])
    return BASIC.get(role, role)


def _condition(entry: Json) -> Condition | None:
    document = entry.get("condition")
    if not document:
        return None
    return Condition(str(document["title"]), str(document["expression"]), str(document.get("description", "")))


def _unique(entries: Iterable[Json]) -> list[Json]:
    kept: list[Json] = []
    for entry in entries:
        if entry not in kept:
            kept.append(entry)
    return kept
