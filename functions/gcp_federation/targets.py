"""What roles are granted on: any resource that has a policy, by its full resource name, and how its API keeps that.

A name is as Google's asset inventory spells it (https://cloud.google.com/asset-inventory/docs/resource-name-format),
so that one resource is one target however it was given. The methods are those of Google's discovery documents,
which kinds take conditions is in https://cloud.google.com/iam/docs/resource-types-with-conditional-roles.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from itertools import chain


class Form(Enum):
    """How an API hands out a policy and takes it back.

    POSTED, QUERIED, GOT: `:getIamPolicy` by POST with the version in the body, by POST with it in the query, by GET;
    `:setIamPolicy` by POST. BUCKET: GET and PUT of `/iam`. ACCESS: a part of the resource, patched there.
    """

    POSTED = auto()
    QUERIED = auto()
    GOT = auto()
    BUCKET = auto()
    ACCESS = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of resource: its API and names there, what people call it, and the permissions on its policy.

    Policies of a kind without `conditions` know of no version either.
    """

    service: str
    pattern: str
    noun: str
    permission: str
    form: Form
    root: str = "v1"
    shown: str = ""
    conditions: bool = False

    def parts(self, path: str) -> tuple[str, ...] | None:
        """What stands for each `*` of the pattern in `path`; None for a path of another kind."""
        project, rest = r"projects/([^/?#]+)", r"([^/:?#]+)"
        pattern = re.escape(self.pattern).replace(r"projects/\*", project).replace(r"\*", rest)
        found = re.fullmatch(pattern, path)
        return found.groups() if found else None


def _in_a_place(service: str, nouns: dict[str, str], form: Form, **more: str | bool) -> tuple[Kind, ...]:
    """Kinds below a project's location whose last word but one is also the word of their permissions."""
    return tuple(
        Kind(
            service=service,
            pattern=f"projects/*/{path}/*",
            noun=noun,
            permission=f"{more.get('family', service)}.{path.rpartition('/')[2]}",
            form=form,
            root=str(more.get("root", "v1")),
            conditions=bool(more.get("conditions")),
        )
        for path, noun in nouns.items()
    )


PROJECT = Kind(
    service="cloudresourcemanager",
    pattern="projects/*",
    noun="project",
    permission="resourcemanager.projects",
    form=Form.POSTED,
    shown="{0}",
    conditions=True,
)
SERVICE_ACCOUNT = Kind(
    service="iam",
    pattern="projects/*/serviceAccounts/*",
    noun="service account",
    permission="iam.serviceAccounts",
    form=Form.QUERIED,
    shown="{1}",
    conditions=True,
)
DATASET = Kind(
    service="bigquery",
    pattern="projects/*/datasets/*",
    noun="dataset",
    permission="bigquery.datasets",
    form=Form.ACCESS,
    root="bigquery/v2",
    shown="{0}.{1}",
    conditions=True,
)
TABLE = Kind(
    service="bigquery",
    pattern="projects/*/datasets/*/tables/*",
    noun="table",
    permission="bigquery.tables",
    form=Form.POSTED,
    root="bigquery/v2",
    shown="{0}.{1}.{2}",
    conditions=True,
)
BUCKET = Kind(
    service="storage",
    pattern="projects/_/buckets/*",
    noun="bucket",
    permission="storage.buckets",
    form=Form.BUCKET,
    root="storage/v1",
    shown="{0}",
    conditions=True,
)
KINDS = (
    PROJECT,
    SERVICE_ACCOUNT,
    DATASET,
    TABLE,
    BUCKET,
    *_in_a_place("pubsub", {"topics": "topic", "subscriptions": "subscription"}, Form.GOT),
    *_in_a_place("secretmanager", {"secrets": "secret"}, Form.GOT, conditions=True),
    *_in_a_place(
        "cloudkms",
        {"locations/*/keyRings": "key ring", "locations/*/keyRings/*/cryptoKeys": "key"},
        Form.GOT,
        conditions=True,
    ),
    *_in_a_place("run", {"locations/*/services": "Cloud Run service"}, Form.GOT, root="v2", conditions=True),
    *_in_a_place("artifactregistry", {"locations/*/repositories": "repository"}, Form.GOT),
    *_in_a_place("cloudtasks", {"locations/*/queues": "queue"}, Form.POSTED, root="v2"),
    *_in_a_place("bigqueryconnection", {"locations/*/connections": "connection"}, Form.POSTED, family="bigquery"),
    *_in_a_place(
        "spanner",
        {"instances": "Spanner instance", "instances/*/databases": "Spanner database"},
        Form.POSTED,
        conditions=True,
    ),
    *_in_a_place(
        "bigtableadmin",
        {"instances": "Bigtable instance", "instances/*/tables": "Bigtable table"},
        Form.POSTED,
        root="v2",
        family="bigtable",
        conditions=True,
    ),
)


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
    """A service account, as something that roles are granted on: who may become it."""
    return Target(f"//iam.googleapis.com/projects/{_project_of(email)}/serviceAccounts/{email}")


def _project_of(email: str) -> str:
    """The project in an address; `-`, which Google looks up itself, where there is none."""
    name, _, domain = email.partition("@")
    if domain == "appspot.gserviceaccount.com":
        return name
    owner, found, _ = domain.partition(".iam.gserviceaccount.com")
    project_id, _, organization = owner.partition(".")
    return (f"{organization}:{project_id}" if organization else project_id) if found else "-"


@cache
def _known(name: str) -> tuple[Kind, tuple[str, ...]]:
    host, _, path = name.removeprefix("//").partition("/")
    service = host.removesuffix(".googleapis.com")
    patterns = [kind.pattern for kind in KINDS if kind.service == service]
    if not name.startswith("//") or not host.endswith(".googleapis.com") or not patterns:
        services = ", ".join(dict.fromkeys(kind.service for kind in KINDS))
        raise ValueError(f"must be //SERVICE.googleapis.com/NAME, SERVICE being one of {services}")
    dots = any(part in (".", "..") for part in path.split("/"))
    found = chain((kind, kind.parts(path)) for kind in KINDS if kind.service == service and not dots)
    for kind, parts in found:
        if parts is not None:
            return kind, parts
    raise ValueError(f"must be //{host}/ and then {' or '.join(patterns)}")
