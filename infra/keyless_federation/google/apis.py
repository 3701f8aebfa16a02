"""Which of Google's APIs are enabled in a project, and enabling the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from keyless_federation.google.client import Google, Request
from keyless_federation.google.shapes import OPERATION, SERVICES

MOST_AT_ONCE = 20  # https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable


@dataclass(frozen=True, slots=True)
class EnableApis:
    """Enable APIs; they stay enabled when the stack goes, for others may have come to use them."""

    project: str
    apis: tuple[str, ...]
    beside = ""

    def __str__(self) -> str:
        return f"enable {', '.join(self.apis)} in the project {self.project}"

    def apply(self, google: Google) -> None:
        """Enable, wait until it is done, and allow for the APIs to take a moment longer."""
        for some in _chunks(self.apis):
            google.run(
                Request(
                    what=f"enable {', '.join(some)} in the project {self.project}",
                    method="POST",
                    service="serviceusage",
                    path=f"v1/projects/{self.project}/services:batchEnable",
                    body={"serviceIds": some},
                    needs=("serviceusage.services.enable",),
                    answer=OPERATION,
                )
            )
        google.expect_propagation()


def missing_apis(google: Google, project: str, apis: Iterable[str]) -> list[str]:
    """Read which of `apis` are enabled in `project`; the others."""
    return [api for some in _chunks(sorted(apis)) for api in _missing(google, project, some)]


def plan_apis(project: str, missing: Iterable[str]) -> list[EnableApis]:
    """The step that enables what is missing; none where nothing is."""
    apis = tuple(missing)
    return [EnableApis(project, apis)] if apis else []


def _missing(google: Google, project: str, apis: list[str]) -> Iterator[str]:
    answer = google.send(
        Request(
            what=f"read which APIs are enabled in the project {project}",
            method="GET",
            service="serviceusage",
            path=f"v1/projects/{project}/services:batchGet",
            query={"names": [f"projects/{project}/services/{api}" for api in apis]},
            needs=("serviceusage.services.get",),
            answer=SERVICES,
        )
    )
    enabled = {
        service["name"].rpartition("/")[2] for service in answer["services"] if service.get("state") == "ENABLED"
    }
    return (api for api in apis if api not in enabled)


def _chunks(apis: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(apis)
    while some := list(islice(rest, MOST_AT_ONCE)):
        yield some
