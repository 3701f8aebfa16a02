"""Both local clouds with the example stack deployed by the real CDK, once for all tests that only look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.clouds import Clouds
from local.deployment import Deployment, bring_up
from local.steps import Steps


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The stack as `make demo` deploys it. A test that changes something puts it back."""
    with Clouds.start(tmp_path_factory.mktemp("clouds")) as clouds:
        deployment = Deployment(clouds)
        bring_up(deployment, Steps())
        yield deployment


@pytest.fixture(scope="session")
def folder(deployed: Deployment) -> Path:
    """Where that deployment's logs are."""
    return deployed.clouds.folder
