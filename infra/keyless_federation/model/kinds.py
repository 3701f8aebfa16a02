"""The kinds of resource that roles are granted on, and how the API of each hands out policies and takes them back.

The methods are those of Google's discovery documents; which kinds take conditions is in
https://cloud.google.com/iam/docs/resource-types-with-conditional-roles.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto


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

    Policies of a kind without `conditions` take none.
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
