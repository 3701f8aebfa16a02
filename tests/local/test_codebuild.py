"""Builds of the local CodeBuild: phases, variables, artifacts and ends, as CodeBuild's users know them."""

from collections.abc import Iterator

import pytest

from tests.local.aws_lab import REGION, LocalAws, local_aws
from tests.local.builds import Project, commands, log, make_project, statuses


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with local_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture(scope="module")
def project(aws: LocalAws) -> Project:
    return make_project(aws)


def test_the_phases_run_in_order_on_the_source(project: Project) -> None:
    spec = commands(build=["cat hello.txt"], install=["echo one"], post_build=["echo three"], pre_build=["echo two"])
    assert project.printed(spec) == ["one", "two", "hello", "three"]


def test_a_build_is_told_phase_by_phase(project: Project) -> None:
    build = project.build(commands(build=["true"]))
    assert statuses(build) == {
        "SUBMITTED": "SUCCEEDED",
        "QUEUED": "SUCCEEDED",
        "PROVISIONING": "SUCCEEDED",
        "DOWNLOAD_SOURCE": "SUCCEEDED",
        "INSTALL": "SUCCEEDED",
        "PRE_BUILD": "SUCCEEDED",
        "BUILD": "SUCCEEDED",
        "POST_BUILD": "SUCCEEDED",
        "UPLOAD_ARTIFACTS": "SUCCEEDED",
        "FINALIZING": "SUCCEEDED",
        "COMPLETED": "",
    }
    assert (build["buildStatus"], build["buildComplete"], build["currentPhase"]) == ("SUCCEEDED", True, "COMPLETED")
    assert build["startTime"] <= build["endTime"]
