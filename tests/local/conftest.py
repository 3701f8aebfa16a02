"""One local cloud for a module: its tests have names of their own. A module that wants it otherwise has its own."""

from collections.abc import Iterator

import pytest

from tests.local.aws_lab import REGION, LocalAws, local_aws
from tests.local.local_google import LocalGoogle
from tests.local.proxy import Proxy


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """A local Google."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        yield started


@pytest.fixture
def proxy(google: LocalGoogle) -> Iterator[Proxy]:
    """A way to Google on which faults can be put."""
    with Proxy(google.url).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A local AWS."""
    with local_aws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def in_a_function(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda gives a function to reach AWS with."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
