"""What a service account may do, and where: the vocabulary of `add_service_account(grants=[...])`."""

from dataclasses import dataclass

# The APIs whose roles, hosts and service names share one word: `roles/bigquery.jobUser` is a role of
# bigquery.googleapis.com. Others are enabled and connected to only when named (`apis=`).
APIS = frozenset({"bigquery", "logging", "pubsub", "secretmanager", "storage"})


@dataclass(frozen=True, slots=True)
class ProjectGrant:
    """A role on the whole project, for example `roles/bigquery.jobUser`."""

    role: str

    def properties(self, project: str) -> dict[str, str]:
        """As a grant of the custom resource."""
        return {"Role": self.role}


@dataclass(frozen=True, slots=True)
class DatasetGrant:
    """A role on one BigQuery dataset, in `project` or, by default, in the federation's own."""

    role: str
    dataset: str
    project: str | None = None

    def properties(self, project: str) -> dict[str, str]:
        """As a grant of the custom resource."""
        return {"Role": self.role, "Project": self.project or project, "Dataset": self.dataset}


Grant = ProjectGrant | DatasetGrant


def api_of(role: str) -> str | None:
    """The API that a predefined role belongs to: `bigquery` for `roles/bigquery.jobUser`; None if not known."""
    service = role.removeprefix("roles/").partition(".")[0]
    return service if service in APIS else None
