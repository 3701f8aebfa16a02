"""Both local clouds with the example stack deployed by the real CDK, once for all tests that only look at it."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local import terraform
from local.clouds import Clouds
from local.deployment import Deployment, bring_up
from local.setup import ROOT
from local.steps import Steps
from tests.e2e.deployed_builds import Builds
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


@pytest.fixture(scope="session")
def builds(deployed: Deployment) -> Builds:
    return Builds(deployed.clouds.environment)


@pytest.fixture
def no_state(builds: Builds) -> Iterator[None]:
    """Nothing applied before and nothing left after."""
    builds.forget_state()
    yield
    builds.forget_state()


@pytest.fixture(scope="session")
def with_terraform() -> None:
    """A terraform on PATH, where the local CodeBuild finds it."""
    binary = shutil.which("terraform")
    if not binary or terraform.version(binary) < terraform.OLDEST_TERRAFORM:
        pytest.skip("no terraform 1.10 or newer is on PATH")


@pytest.fixture(scope="session")
def with_provider(with_terraform: None) -> None:
    """Google's real provider in the cache, where the local CodeBuild finds it, too."""
    try:
        terraform.find()
    except terraform.Unavailable as missing:
        pytest.skip(str(missing))
