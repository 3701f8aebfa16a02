"""The demo's build: followed to its end, and given up in time where it must download and cannot."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from local import terraform, terraform_build
from local.steps import Steps
from local.terraform_build import BuildFailed, apply

DONE = {"INSTALL": "SUCCEEDED", "PRE_BUILD": "SUCCEEDED", "BUILD": "SUCCEEDED"}
APPLIED = ["Apply complete! Resources: 3 added.", "Outputs:", "", 'bucket = "b"']


class Aws:
    """CodeBuild with one build whose phases end so, and its log."""

    def __init__(self, ends: Mapping[str, str], log: list[str]) -> None:
        self._build = {
            "id": "b:1",
            "buildStatus": "FAILED" if "FAILED" in ends.values() else "IN_PROGRESS",
            "phases": [{"phaseType": name, "phaseStatus": end} for name, end in ends.items()],
            "logs": {"groupName": "g", "streamName": "s"},
        }
        self._log = log
        self.stopped: list[str] = []
        self.variables: list[dict[str, str]] = []

    def start_build(self, **given: Any) -> Any:
        self.variables = given["environmentVariablesOverride"]
        return {"build": self._build}

    def batch_get_builds(self, ids: list[str]) -> Any:
        return {"builds": [self._build]}

    def stop_build(self, id: str) -> None:
        self.stopped.append(id)

    def get_log_events(self, **_: Any) -> Any:
        return {"events": [{"message": f"{line}\n"} for line in self._log]}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Apply with a build that ends so; Terraform is to be downloaded unless it is `at_hand`."""

    def run(ends: Mapping[str, str], log: list[str], *, at_hand: terraform.Terraform | None = None) -> Any:
        def find() -> terraform.Terraform:
            if at_hand is None:
                raise terraform.Unavailable("terraform is not at hand")
            return at_hand

        aws = Aws(ends, log)
        monkeypatch.setattr(terraform, "find", find)
        monkeypatch.setattr(terraform_build, "client", lambda service, environment: aws)
        monkeypatch.setattr(terraform_build, "_reachable", lambda: True)
        monkeypatch.setattr(terraform_build, "DOWNLOADED", 0.5)
        monkeypatch.setattr(terraform_build, "PATIENCE", 0.5)
        told = apply({}, Steps())
        assert aws.stopped == (["b:1"] if told[0].startswith("Not shown") else [])
        return told

    return run


@pytest.fixture
def at_hand(tmp_path: Any) -> terraform.Terraform:
    return terraform.Terraform(tmp_path / "terraform", tmp_path / "terraform.rc")


def test_what_was_made_is_told(run: Any, at_hand: terraform.Terraform) -> None:
    told = ["Apply complete! Resources: 3 added.", 'bucket = "b"']
    assert run(DONE, APPLIED) == told
    assert run(DONE, APPLIED, at_hand=at_hand) == told


@pytest.mark.parametrize("ends", [{}, {"INSTALL": "SUCCEEDED"}])
def test_a_download_that_takes_too_long_is_given_up_and_told(run: Any, ends: dict[str, str]) -> None:
    first, second = run(ends, [])
    assert first == "Not shown: terraform is not at hand."
    assert second.endswith("they did not come in time.")


@pytest.mark.parametrize(
    ("ends", "log"),
    [
        ({"INSTALL": "FAILED"}, ["curl: (35) Recv failure"]),
        ({"INSTALL": "SUCCEEDED", "PRE_BUILD": "FAILED"}, ["Error: Failed to install provider"]),
    ],
)
def test_a_network_that_forbids_it_is_told_with_its_words(run: Any, ends: dict[str, str], log: list[str]) -> None:
    first, second = run(ends, log)
    assert first == "Not shown: terraform is not at hand."
    assert second.endswith(log[0])


@pytest.mark.parametrize(
    "ends", [{"INSTALL": "SUCCEEDED", "PRE_BUILD": "FAILED"}, {**DONE, "BUILD": "FAILED"}, {**DONE, "BUILD": ""}]
)
def test_any_other_failure_fails_the_demo(run: Any, ends: dict[str, str]) -> None:
    with pytest.raises(BuildFailed, match=r"in the phase \w+:\nkeyless exec: no"):
        run(ends, ["keyless exec: no"])


@pytest.mark.parametrize("ends", [{}, {"INSTALL": "FAILED"}])
def test_what_is_at_hand_is_no_download_to_be_forgiven(
    run: Any, at_hand: terraform.Terraform, ends: dict[str, str]
) -> None:
    with pytest.raises(BuildFailed, match="in the phase INSTALL"):
        run(ends, [], at_hand=at_hand)


def test_hosts_that_never_answer_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(terraform_build, "ANSWERED", 0.2)

    def hang(*_: object, **__: object) -> None:
        never.wait()
        raise OSError

    monkeypatch.setattr("socket.create_connection", hang)
    before = threading.active_count()
    assert not terraform_build._reachable()
    assert threading.active_count() == before + 2
    never.set()
