"""What only words can stage: a Google that is whole otherwise says them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.local.doctor_staging import staged
from tests.local.doctor_world import NOWHERE, Environ, World
from tests.unit.google_server import Fault, GoogleServer

PERIMETER = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"
BAD_AUDIENCE = 'Invalid value for "audience". This value should be the full resource name of the Identity Provider.'
DENIED = "Access Denied: Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d (or it may not exist)."


@dataclass(frozen=True)
class Says:
    """A stage in which a Google that is whole otherwise gives one answer for ever."""

    what: str
    failure: str
    link: str
    status: int
    code: str
    message: str

    def stage(self) -> None:
        """Make it."""
        service = {"sts-exchange": "sts", "impersonation": "iamcredentials", "api": "bigquery"}[self.link]
        oauth = {"error": self.code, "error_description": self.message}
        usual = {"error": {"code": self.status, "status": self.code, "message": self.message}}

        @staged(self.what, failure=self.failure, link=self.link, how="words", says=self.message)
        def says(world: World) -> Iterator[Environ]:
            with GoogleServer() as google:
                google.fail(service, Fault(self.status, usual if self.code.isupper() else oauth), times=None)
                yield google.environ(AWS_ENDPOINT_URL=NOWHERE)


for words in (
    Says(
        "Google does not know the audience's form", "audience-refused", "sts-exchange",
        400, "invalid_request", BAD_AUDIENCE,
    ),
    Says(
        "IMDSv1 where IMDSv2 is asked for, with Google's own library", "aws-token-unparsable", "sts-exchange",
        400, "invalid_grant", "Invalid token: Unable to parse AWS token.",
    ),
    Says(
        "Google cannot answer", "google-unavailable", "sts-exchange",
        503, "UNAVAILABLE", "The service is currently unavailable.",
    ),
    Says(
        "a refusal that nobody has seen yet", "unknown", "sts-exchange",
        400, "invalid_request", "Something new.",
    ),
    Says(
        "a perimeter of VPC Service Controls", "vpc-service-controls", "impersonation",
        403, "PERMISSION_DENIED", PERIMETER,
    ),
    Says(
        "a pool that was disabled a moment ago", "federated-token-refused", "impersonation",
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.",
    ),
    Says(
        "a token that is not taken", "token-refused", "api",
        401, "UNAUTHENTICATED", "Request had invalid authentication credentials.",
    ),
    Says(
        "another right that is missing", "api-denied", "api",
        403, "PERMISSION_DENIED", "The caller does not have permission",
    ),
    Says(
        "no access to a dataset", "bigquery-dataset-denied", "api",
        403, "PERMISSION_DENIED", DENIED,
    ),
    Says(
        "queries over the quota", "api-quota-exceeded", "api",
        403, "PERMISSION_DENIED", "Quota exceeded: Your project exceeded quota for free query bytes scanned.",
    ),
):  # fmt: skip
    words.stage()
