"""Projects, by ID and by number, and the APIs that are enabled in each."""

from dataclasses import dataclass, field

ALWAYS_THERE = frozenset({"cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"})
CATALOGUE = {
    "aiplatform.googleapis.com": "Vertex AI API",
    "bigquery.googleapis.com": "BigQuery API",
    "bigquerystorage.googleapis.com": "BigQuery Storage API",
    "cloudresourcemanager.googleapis.com": "Cloud Resource Manager API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "logging.googleapis.com": "Cloud Logging API",
    "monitoring.googleapis.com": "Cloud Monitoring API",
    "pubsub.googleapis.com": "Cloud Pub/Sub API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "serviceusage.googleapis.com": "Service Usage API",
    "storage.googleapis.com": "Cloud Storage API",
    "sts.googleapis.com": "Security Token Service API",
}


@dataclass(slots=True, eq=False)
class Project:
    """One project."""

    id: str
    number: str
    created: str
    enabled: set[str] = field(default_factory=lambda: set(ALWAYS_THERE))

    @property
    def resource(self) -> str:
        """Its name as a resource that carries a policy."""
        return f"projects/{self.id}"


class Projects:
    """All projects of this cloud."""

    def __init__(self, *projects: Project) -> None:
        self._projects = projects

    def find(self, key: str) -> Project | None:
        """The project of this ID or number."""
        return next((project for project in self._projects if key in (project.id, project.number)), None)

    def all(self) -> tuple[Project, ...]:
        """Every project."""
        return self._projects
