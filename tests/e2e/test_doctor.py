"""The doctor of a deployed function says which link broke, and leaves nothing behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from local.clouds import ACCOUNT, PROJECT, REGION
from local.deployment import STAGE, Deployment
from local.invoke import FUNCTION, client
from local.setup import ROOT
from tests.e2e import secrets_scan
from tests.e2e.breaking import policy, provider
from tests.e2e.chain import Chain

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"
READER = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"
COMMAND = (sys.executable, "-m", "keyless_cli", "doctor")
LINKS = ["configuration", "aws-credentials", "identity", "clock", "network", "sts-exchange", "impersonation", "api"]
TAG = "keyless:doctor"
INTERRUPTED = 130

Breaking = Callable[[Chain], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Doctor:
    """The command, against the deployed clouds; whatever it prints is looked through for secrets."""

    deployment: Deployment

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        ended = subprocess.run(
            [*COMMAND, *arguments], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        self.assert_nothing_secret(ended.stdout + ended.stderr)
        return ended

    def started(self) -> "subprocess.Popen[str]":
        """Begin an examination, in a process group of its own, that no nohup around the tests keeps from hearing."""
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        try:
            return subprocess.Popen(
                [*COMMAND, FUNCTION], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGHUP, before)

    def assert_nothing_secret(self, printed: str) -> None:
        assert secrets_scan.found({"output": printed}, self.environment) == []

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.deployment.clouds.environment)

    def present(self) -> tuple[set[str], set[str], dict[str, Any]]:
        """The functions, the log groups, and all that Lambda says of the function itself."""
        functions = client("lambda", self.environment)
        configuration = functions.get_function_configuration(FunctionName=FUNCTION)
        configuration.pop("ResponseMetadata")
        names = {function["FunctionName"] for function in functions.list_functions()["Functions"]}
        groups = {
            group["logGroupName"] for group in client("logs", self.environment).describe_log_groups()["logGroups"]
        }
        return names, groups, configuration


@pytest.fixture
def doctor(deployed: Deployment) -> Iterator[Doctor]:
    """The command; afterwards all is as it was before: functions, log groups, and the function's own revision."""
    doctor = Doctor(deployed)
    before = doctor.present()
    assert {"RevisionId", "CodeSha256", "Environment", "Layers"} <= set(before[2])
    yield doctor
    assert doctor.present() == before


@pytest.fixture(scope="module")
def chain(deployed: Deployment) -> Chain:
    """An administrator's view of Google's side."""
    return Chain(deployed.clouds.environment, "")


@pytest.mark.parametrize("name", [FUNCTION, f"{ARN}:live"])
def test_every_link_of_a_healthy_function_holds(doctor: Doctor, name: str) -> None:
    ended = doctor(name, "--json")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["verdict"], found["broken"], found["notes"]) == ("ok", None, [])
    assert found["function"].removesuffix(":1") == ARN
    links = dict.fromkeys(check["link"] for check in found["checks"] if check["verdict"] == "ok")
    assert list(links) == LINKS
    assert len(found["clone"]) == len(FUNCTION)
    assert any(f"{FUNCTION}-{REGION}/{found['clone']}" in check["detail"] for check in found["checks"])


def test_people_get_text_and_machines_read_its_exit_code(doctor: Doctor) -> None:
    ended = doctor(FUNCTION, "--verbose", "--table", "bigquery-public-data.samples.shakespeare")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith(f"{ARN}\n\nok       configuration")
    assert "Every link holds." in ended.stdout
    assert "bigquery-public-data.samples.shakespeare" in ended.stdout
    assert "audience: //iam.googleapis.com/" in ended.stdout


def binding_removed(chain: Chain) -> AbstractContextManager[None]:
    return policy(chain, f"/iam/v1/projects/{PROJECT}/serviceAccounts/{READER}", without="roles/iam.")


def provider_disabled(chain: Chain) -> AbstractContextManager[None]:
    return provider(chain, disabled=True)


def condition_refuses(chain: Chain) -> AbstractContextManager[None]:
    return provider(chain, attributeCondition="attribute.aws_role == 'somebody-else'")


def job_user_missing(chain: Chain) -> AbstractContextManager[None]:
    return policy(chain, f"/cloudresourcemanager/v1/projects/{PROJECT}", without="roles/bigquery.jobUser")


@pytest.mark.parametrize(
    ("broken", "code", "link", "words", "remedy"),
    [
        (binding_removed, 15, "impersonation", "iam.serviceAccounts.getAccessToken", "attach_to"),
        (provider_disabled, 14, "sts-exchange", "disabled or deleted", "gcloud"),
        (condition_refuses, 14, "sts-exchange", "rejected by the attribute condition", "attach_to"),
        (job_user_missing, 16, "api", "bigquery.jobs.create", "roles/bigquery.jobUser"),
    ],
)
def test_a_broken_link_is_named_with_its_remedy(
    doctor: Doctor, chain: Chain, broken: Breaking, code: int, link: str, words: str, remedy: str
) -> None:
    with broken(chain):
        ended = doctor(FUNCTION, "--json", "--table", "bigquery-public-data.samples.shakespeare")
    assert ended.returncode == code, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    last = found["checks"][-1]
    assert (found["broken"], last["verdict"]) == (link, "broken")
    assert words in last["words"]
    assert remedy in last["remedy"]
    assert last["cause"]
    assert last["confirm"]
    told_apart = [note for note in found["notes"] if f"{FUNCTION}-{REGION}/{FUNCTION}" in note]
    assert bool(told_apart) == (link != "api"), "whom Google saw is told where Google asks who is coming"


def test_what_is_refused_has_the_same_name_in_the_text(doctor: Doctor, chain: Chain) -> None:
    with binding_removed(chain):
        ended = doctor(FUNCTION)
    assert ended.returncode == 15
    for expected in ("BROKEN   impersonation", "cause ", "confirm ", "remedy ", "Note: Google saw "):
        assert expected in ended.stdout


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Making", signal.SIGINT),
        ("Waiting", signal.SIGTERM),
        ("Examining", signal.SIGINT),
        ("Examining", signal.SIGHUP),
        ("Removing", signal.SIGINT),
    ],
)
def test_an_interruption_leaves_nothing(doctor: Doctor, moment: str, number: signal.Signals) -> None:
    with doctor.started() as process:
        printed = read_until(process, moment)
        os.killpg(process.pid, number)
        os.killpg(process.pid, number)  # impatient
        rest, _ = process.communicate(timeout=300)
    assert process.returncode == INTERRUPTED, printed + rest
    assert "Interrupted. Nothing was left." in rest
    doctor.assert_nothing_secret(printed + rest)


def test_what_a_killed_examination_left_goes_with_a_later_one(doctor: Doctor) -> None:
    with doctor.started() as process:
        printed = read_until(process, "Examining")
        process.kill()
    functions, left = client("lambda", doctor.environment), printed.split()[1].rstrip(",")
    assert left in doctor.present()[0]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{left}"

    assert (
        f"{left} may belong to a run that is still in progress" in doctor("--clean").stderr
    )  # somebody may still wait for its answer
    assert left in doctor.present()[0]

    functions.tag_resource(Resource=arn, Tags={TAG: str(int(time.time()) - 1)})
    other = arn.replace(left, f"keyless-bigquery-events-{STAGE}")
    functions.tag_resource(Resource=other, Tags={TAG: "1"})  # copied by somebody
    ended = doctor(FUNCTION)
    functions.untag_resource(Resource=other, TagKeys=[TAG])
    assert ended.returncode == 0
    assert f"Removing {left}, which an earlier examination left" in ended.stderr


def test_a_function_that_is_not_there_is_told(doctor: Doctor) -> None:
    ended = doctor("nobody-has-this")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "There is no function nobody-has-this here" in ended.stderr
    ended = doctor(ARN.replace(ACCOUNT, "999988887777"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"of the account 999988887777, your credentials of {ACCOUNT}" in ended.stderr


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What was printed, up to the end of the line with `words`."""
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if words in line:
            return printed
    raise AssertionError(f"it ended before {words!r}: {printed}")
