"""Both local clouds with the example stack deployed by the real CDK, once for all tests that only look at it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.clouds import Clouds
from local.deployment import Deployment, bring_up
from local.setup import ROOT
from local.steps import Steps
from tests.e2e.rollouts import Rollouts


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


@pytest.fixture(scope="session")
def rollouts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    """Clouds of their own for the tests that deploy one state after another; nothing is deployed yet."""
    os.environ.setdefault("JSII_NODE", str(ROOT / ".venv" / "bin" / "node"))  # these synthesize in this process
    with Clouds.start(tmp_path_factory.mktemp("rollouts")) as clouds, ThreadPoolExecutor() as pool:
        deployment = Deployment(clouds)
        beside = pool.submit(deployment.bootstrap_aws)
        deployment.bootstrap_google()
        beside.result()
        yield Rollouts(deployment)
