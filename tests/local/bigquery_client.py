"""BigQuery's own client, pointed at a local Google."""

from google.auth.credentials import Credentials
from google.cloud import bigquery

from tests.local.google_fixtures import PROJECT, Google

BASE = f"/bigquery/bigquery/v2/projects/{PROJECT}"


class Bearer(Credentials):
    """Credentials that are a token."""

    def __init__(self, token: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = token

    def refresh(self, request: object) -> None:
        """Never needed."""


def client(google: Google, token: str) -> bigquery.Client:
    """A client that has this token."""
    return bigquery.Client(
        project=PROJECT, credentials=Bearer(token), client_options={"api_endpoint": f"{google.http.base_url}/bigquery"}
    )
