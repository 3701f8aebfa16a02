"""What a service account may do, and where: the vocabulary of `add_service_account(grants=[...])`."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

# The APIs whose roles, hosts and service names share one word: `roles/bigquery.jobUser` is a role of
# bigquery.googleapis.com. Others are enabled and connected to only when named (`apis=`).
APIS = frozenset({"bigquery", "logging", "pubsub", "secretmanager", "storage"})


@dataclass(frozen=True, slots=True)
class Grant(ABC):
    """A predefined or custom role, such as `roles/bigquery.jobUser`, on something."""

    role: str

    @abstractmethod
    def properties(self, project: str) -> dict[str, str]:
        """As the custom resource takes it; `project` is the federation's own."""


@dataclass(frozen=True, slots=True)
class ProjectGrant(Grant):
    """A role on the federation's whole project."""

    def properties(self, project: str) -> dict[str, str]:
        """Without a resource: the custom resource grants on its project."""
        return {"Role": self.role}


@dataclass(frozen=True, slots=True)
class DatasetGrant(Grant):
    """A role on one BigQuery dataset, in `project` or, by default, in the federation's own."""

    dataset: str
    project: str | None = None

    def properties(self, project: str) -> dict[str, str]:
        """With the dataset's project and ID."""
        return {"Role": self.role, "Project": self.project or project, "Dataset": self.dataset}


def api_of(role: str) -> str | None:
    """The API that a predefined role belongs to: `bigquery` for `roles/bigquery.jobUser`; None if not known."""
    service = role.removeprefix("roles/").partition(".")[0]
    return service if service in APIS else None
