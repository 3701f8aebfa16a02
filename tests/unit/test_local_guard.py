"""The local runner cannot reach a real cloud: not by an endpoint, and not by what the shell had set."""

from dataclasses import replace
from pathlib import Path

import pytest

from local import clouds as module
from local.clouds import Clouds
from local.deployment import Deployment, StepFailed
from local.process import Server


@pytest.fixture
def clouds(tmp_path: Path) -> Clouds:
    """Clouds that were never started: what matters is the environment that their tools would get."""
    environment = module.environment(tmp_path, aws_port=1, google_port=2)
    never = Server("never started", process=None, log=tmp_path / "log")  # type: ignore[arg-type]
    return Clouds(aws=never, google=never, environment=environment, folder=tmp_path)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "GOOGLE_ENDPOINT"])
def test_an_endpoint_that_is_not_on_loopback_stops_every_step(name: str, clouds: Clouds) -> None:
    elsewhere = replace(clouds, environment={**clouds.environment, name: "https://sts.amazonaws.com"})
    for step in (Deployment(elsewhere).bootstrap_google, Deployment(elsewhere).bootstrap_aws):
        with pytest.raises(StepFailed, match=f"{name} is not on loopback"):
            step()
    assert list(clouds.folder.glob("*.log")) == []


def test_nothing_of_the_shell_s_identities_reaches_the_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "from-the-shell")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "from-the-shell")
    environment = module.environment(tmp_path, aws_port=1, google_port=2)
    assert "from-the-shell" not in environment.values()
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
