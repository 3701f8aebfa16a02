"""What roles are granted on: any resource of a known kind, by its full resource name.

A name is as https://cloud.google.com/iam/docs/full-resource-names spells it, so that one resource is one target
however it was given.
"""

from dataclasses import dataclass
from functools import cache

from keyless_federation.model.kinds import KINDS, Kind
from keyless_federation.model.rules import project_of_email


@dataclass(frozen=True, slots=True)
class Target:
    """A resource by its full name, such as //pubsub.googleapis.com/projects/p/topics/t."""

    name: str

    @property
    def kind(self) -> Kind:
        """What it is; raises `ValueError` for what this module does not know."""
        return _known(self.name)[0]

    @property
    def path(self) -> str:
        """Its name without the host."""
        return self.name.removeprefix(f"//{self.kind.service}.googleapis.com/")

    @property
    def parts(self) -> tuple[str, ...]:
        """The IDs in its name, the project's first."""
        return _known(self.name)[1]

    @property
    def id(self) -> str:
        """The last of these: what the resource itself is called."""
        return self.parts[-1]

    def __str__(self) -> str:
        kind, parts = _known(self.name)
        return f"the {kind.noun} {kind.shown.format(*parts) or self.path}"


def parse(name: str) -> Target:
    """The target of this full name; raises `ValueError`, which goes on after the name, for what is not known."""
    _known(name)
    return Target(name)


def project(project_id: str) -> Target:
    """A project."""
    return Target(f"//cloudresourcemanager.googleapis.com/projects/{project_id}")


def dataset(project_id: str, dataset_id: str) -> Target:
    """A BigQuery dataset."""
    return Target(f"//bigquery.googleapis.com/projects/{project_id}/datasets/{dataset_id}")


def table(project_id: str, dataset_id: str, table_id: str) -> Target:
    """A BigQuery table or view."""
    return Target(f"{dataset(project_id, dataset_id).name}/tables/{table_id}")


def bucket(name: str) -> Target:
    """A Cloud Storage bucket; its name is the only one of its kind in the world."""
    return Target(f"//storage.googleapis.com/projects/_/buckets/{name}")


def service_account(email: str) -> Target:
    """A service account, as something that roles are granted on: who may become it.

    Google looks up the project itself where the address names none (`-`).
    """
    return Target(f"//iam.googleapis.com/projects/{project_of_email(email) or '-'}/serviceAccounts/{email}")


@cache
def _known(name: str) -> tuple[Kind, tuple[str, ...]]:
    host, _, path = name.removeprefix("//").partition("/")
    service = host.removesuffix(".googleapis.com")
    patterns = [kind.pattern for kind in KINDS if kind.service == service]
    if not name.startswith("//") or not host.endswith(".googleapis.com") or not patterns:
        services = ", ".join(dict.fromkeys(kind.service for kind in KINDS))
        raise ValueError(f"must be //SERVICE.googleapis.com/NAME, SERVICE being one of {services}")
    dots = any(part in (".", "..") for part in path.split("/"))
    for kind in KINDS:
        parts = kind.parts(path) if kind.service == service and not dots else None
        if parts is not None:
            return kind, parts
    raise ValueError(f"must be //{host}/ and then {' or '.join(patterns)}")
