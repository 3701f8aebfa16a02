"""What may be done, and where: the vocabulary of `grants=[...]`. docs/grants.md has an example of each."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import Token

from keyless_federation.model import grants as google
from keyless_federation.model.fields import Fields
from keyless_federation.model.grants import Condition

__all__ = [
    "BucketGrant",
    "Condition",
    "DatasetGrant",
    "Grant",
    "ProjectGrant",
    "ResourceGrant",
    "ServiceAccountGrant",
    "TableGrant",
    "apis_of",
    "hosts_of",
    "problems",
]

# The APIs whose roles, hosts and service names share one word: `roles/bigquery.jobUser` is a role of
# bigquery.googleapis.com. Others are enabled and connected to only when named (`apis=`).
APIS = frozenset({"bigquery", "logging", "pubsub", "secretmanager", "storage"})


@dataclass(frozen=True, slots=True)
class Grant(ABC):
    """A predefined or custom role, such as `roles/bigquery.jobUser`, on something, perhaps under a condition."""

    role: str
    condition: Condition | None = field(default=None, kw_only=True)

    @abstractmethod
    def place(self, project: str) -> dict[str, str]:
        """Where, as the custom resource takes it; `project` is the federation's own."""

    @property
    def service(self) -> str | None:
        """The API that keeps the policy which is changed, if it is none of the chain's."""
        return None

    def properties(self, project: str) -> dict[str, Any]:
        """As the custom resource takes it."""
        if self.condition is None:
            return {"Role": self.role, **self.place(project)}
        said = {"Title": self.condition.title, "Expression": self.condition.expression}
        described = {"Description": self.condition.description} if self.condition.description else {}
        return {"Role": self.role, **self.place(project), "Condition": {**said, **described}}


@dataclass(frozen=True, slots=True)
class ProjectGrant(Grant):
    """A role on a whole project, by default on the federation's own."""

    project: str | None = None

    def place(self, project: str) -> dict[str, str]:
        """Without one, the custom resource grants on its own project."""
        return {"Project": self.project} if self.project else {}


@dataclass(frozen=True, slots=True)
class DatasetGrant(Grant):
    """A role on one BigQuery dataset, in `project` or, by default, in the federation's own."""

    dataset: str
    project: str | None = None

    def place(self, project: str) -> dict[str, str]:
        """The dataset's project and ID."""
        return {"Project": self.project or project, "Dataset": self.dataset}

    @property
    def service(self) -> str:
        """BigQuery."""
        return "bigquery"


@dataclass(frozen=True, slots=True)
class TableGrant(Grant):
    """A role on one BigQuery table or view, in `project` or, by default, in the federation's own."""

    dataset: str
    table: str
    project: str | None = None

    def place(self, project: str) -> dict[str, str]:
        """The table's project, dataset and ID."""
        return {"Project": self.project or project, "Dataset": self.dataset, "Table": self.table}

    @property
    def service(self) -> str:
        """BigQuery."""
        return "bigquery"


@dataclass(frozen=True, slots=True)
class BucketGrant(Grant):
    """A role on one Cloud Storage bucket, named without `gs://`."""

    bucket: str

    def place(self, project: str) -> dict[str, str]:
        """The bucket's name, which is the only one of its kind in the world."""
        return {"Bucket": self.bucket}

    @property
    def service(self) -> str:
        """Cloud Storage."""
        return "storage"


@dataclass(frozen=True, slots=True)
class ServiceAccountGrant(Grant):
    """A role on a service account by its e-mail address, such as that of another `add_service_account(...).email`.

    Whoever may act as an account has all that it has. `foreign=True` says that the account is meant although this
    federation does not make it: another stack's, the deployer's (which may change every policy), or one made by hand.
    """

    email: str
    foreign: bool = field(default=False, kw_only=True)

    def place(self, project: str) -> dict[str, str]:
        """The address."""
        return {"ServiceAccount": self.email}


@dataclass(frozen=True, slots=True)
class ResourceGrant(Grant):
    """A role on anything of the services in docs/grants.md, by its full resource name.

    For example `//pubsub.googleapis.com/projects/my-project/topics/orders`.
    """

    resource: str

    def place(self, project: str) -> dict[str, str]:
        """The name."""
        return {"Resource": self.resource}

    @property
    def service(self) -> str:
        """The API in the name."""
        return self.resource.removeprefix("//").partition(".")[0]


def apis_of(grants: Sequence[Grant]) -> set[str]:
    """The APIs that grants are made through, and those that their roles are of: `bigquery` for all of BigQuery."""
    return {grant.service for grant in grants if grant.service} | hosts_of(grants)


def hosts_of(grants: Sequence[Grant]) -> set[str]:
    """The APIs to which whoever holds the grants will connect."""
    named = {grant.role.removeprefix("roles/").partition(".")[0] for grant in grants}
    return (named | {grant.service or "" for grant in grants}) & APIS


def foreign_accounts(grants: Sequence[Grant], own: Collection[str], deployer: str, where: str) -> list[str]:
    """Return a sentence for each grant on a service account that is none of `own`, where the grant does not say so."""
    return [
        f"{where}: {grant.role} on {_whose(email, deployer)}: whoever has it may act as that account. "
        f"If this is meant: ServiceAccountGrant(role, email, foreign=True)"
        for grant in grants
        if (email := _account_of(grant)) is not None and email not in own and not getattr(grant, "foreign", False)
    ]


def problems(grants: Sequence[Grant], project: str, where: str) -> list[str]:
    """What Google would refuse in them, as far as they are literal; each sentence begins with the place."""
    found: list[str] = []
    for position, grant in enumerate(grants):
        properties = grant.properties(project)
        if not any(map(Token.is_unresolved, [*properties.values(), *properties.get("Condition", {}).values()])):
            google.Grant.read(Fields(properties, f"{where}: grants[{position}]", found), project)
    return found


def _account_of(grant: Grant) -> str | None:
    """Return the address of the service account that a grant is on; a token is one that is not known yet."""
    match grant:
        case ServiceAccountGrant():
            return grant.email
        case ResourceGrant() if "/serviceAccounts/" in grant.resource:
            return grant.resource.rpartition("/")[2]
    return None


def _whose(email: str, deployer: str) -> str:
    if Token.is_unresolved(email):
        return "a service account that is not known at synth"
    if email == deployer:
        return f"the deployer {email}, which may change every policy of the project"
    return f"{email}, which this federation does not make"
