"""Every command of docs/runbook.md, as it is printed there: run on the deployed local clouds, or marked and counted."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.clouds import ACCOUNT, PROJECT, REGION
from local.deployment import CDK, STAGE, Deployment, _environment
from local.invoke import FUNCTION, client
from local.setup import ROOT
from tests.e2e import secrets_scan
from tests.e2e.breaking import policy, provider
from tests.e2e.chain import Chain
from tests.local.gcloud import PROGRAM as GCLOUD
from tests.local.gcloud import Gcloud, needed

REAL = "# real accounts only"
READER = f"aws-bq-reader@{PROJECT}.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that stand together in the document."""

    text: str

    @property
    def kind(self) -> str:
        """`local`: runs here; `gcloud`: runs here where gcloud is at hand; `real`: cannot tell anything here."""
        if self.text.startswith(REAL):
            return "real"
        return "gcloud" if "gcloud " in self.text else "local"

    def __str__(self) -> str:
        line = self.text.removeprefix(REAL).strip().splitlines()[0]
        return " ".join(line.split()[:4])


def blocks() -> Iterator[Block]:
    """The indented blocks of the document, in order; what is fenced is no command."""
    lines: list[str] = []
    text = re.sub(r"^```.*?^```$", "", (ROOT / "docs" / "runbook.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    for line in [*text.splitlines(), ""]:
        if line.startswith("    "):
            lines.append(line[4:])
        elif lines:
            yield Block("\n".join(lines))
            lines = []


VARIABLES, *BLOCKS = blocks()


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell in which the runbook's commands are about the deployed clouds."""

    folder: Path
    environment: dict[str, str]

    def __call__(self, block: Block) -> subprocess.CompletedProcess[str]:
        """Run the commands; nothing that they print is secret."""
        ended = subprocess.run(
            ["sh", "-ec", block.text], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert secrets_scan.found({"output": ended.stdout + ended.stderr}, self.environment) == []
        return ended


@pytest.fixture(scope="module")
def shell(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Beside the checkout's own programs: the synthesized app, and stand-ins that keep commands off the machine."""
    folder = tmp_path_factory.mktemp("runbook")
    for name, target in {
        ".venv": ROOT / ".venv",
        "Makefile": ROOT / "Makefile",
        "cdk.out": deployed.clouds.folder / "cdk.out",
    }.items():
        (folder / name).symlink_to(target)
    stand_ins = {
        "aws": f'exec {sys.executable} -m tests.e2e.aws_words "$@"',
        # What `make` would do, but for its set-up.
        "make": f'exec sh -c "$({shutil.which("make")} -n "$@" | tail -1)"',
        "npx": f'shift; exec {CDK} "$@" --app cdk.out --require-approval never',
    }
    (folder / "bin").mkdir()
    for name, command in stand_ins.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{command}\n")
        program.chmod(0o755)
    clouds = deployed.clouds.environment
    google = Gcloud(clouds["GOOGLE_ENDPOINT"], clouds["GOOGLE_ADMIN_TOKEN"], PROJECT, folder)._environment()
    environment = {**google, **_environment(deployed.clouds), "HOME": str(folder)}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{environment['PATH']}"
    return Shell(folder, {**environment, **variables(Shell(folder, environment))})


def variables(shell: Shell) -> dict[str, str]:
    """The runbook's variables, its own commands having found what is to be found."""
    given = {"FUNCTION": FUNCTION, "STAGE": STAGE, "PROJECT": PROJECT, "ACCOUNT": ACCOUNT, "REGION": REGION}
    first, *computed = VARIABLES.text.splitlines()
    assert [word.partition("=")[0] for word in first.split()] == list(given)
    assignments = [f"{name}={shlex.quote(value)}" for name, value in given.items()]
    names = [*given, "PROVIDER", "SERVICE_ACCOUNT", "ROLE"]
    told = [f'echo "{name}=${name}"' for name in names]
    ended = shell(Block("\n".join([*assignments, *computed, *told])))
    return {name: value for name, _, value in (line.partition("=") for line in ended.stdout.splitlines())}


@pytest.fixture(scope="module")
def chain(deployed: Deployment) -> Chain:
    """An administrator's view of Google's side."""
    return Chain(deployed.clouds.environment, "")


def block_with(words: str) -> Block:
    """The one block with these words."""
    [found] = [block for block in BLOCKS if words in block.text]
    return found


def test_what_only_real_accounts_can_tell_is_marked_and_little() -> None:
    assert Counter(block.kind for block in BLOCKS) == {"local": 8, "gcloud": 4, "real": 3}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "local"], ids=str)
def test_each_step_runs_as_it_is_written(shell: Shell, block: Block) -> None:
    ended = shell(block)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@needed
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "gcloud"], ids=str)
def test_each_step_with_gcloud_runs_as_it_is_written(shell: Shell, block: Block) -> None:
    ended = shell(block)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.kind == "real"], ids=str)
def test_what_only_real_accounts_can_tell_is_well_formed(shell: Shell, block: Block) -> None:
    if "aws " in block.text:
        ended = shell(block)  # the local AWS records nothing, but knows the request
        assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stdout + ended.stderr
        return
    words = shlex.split(block.text.replace("\\\n", ""), comments=True)
    assert words[:3] == ["gcloud", "logging", "read"]
    assert {word.partition("=")[0] for word in words[4:]} <= {"--project", "--freshness", "--limit", "--format"}


@pytest.mark.needs  # gcloud: it asks that, too, where there is one
def test_a_missing_binding_is_found_step_by_step(shell: Shell, chain: Chain) -> None:
    with policy(chain, f"/iam/v1/projects/{PROJECT}/serviceAccounts/{READER}", without="roles/iam."):
        asked, planned = shell(block_with("make doctor")), shell(block_with("keyless plan"))
        bound = shell(block_with("get-iam-policy $SERVICE_ACCOUNT")) if GCLOUD else None
    assert asked.returncode == 15, "the step's own code says where to go on"
    assert "BROKEN   impersonation" in asked.stdout
    assert "roles/iam.workloadIdentityUser" in planned.stdout
    assert "1 step to take; nothing was changed." in planned.stdout
    assert bound is None or "principalSet" not in bound.stdout
    healthy = shell(block_with("keyless plan"))
    assert "Nothing to do" in healthy.stdout


def test_a_refusing_condition_is_found_with_its_clause(shell: Shell, chain: Chain) -> None:
    with provider(chain, attributeCondition="attribute.aws_role == 'somebody-else'"):
        asked, tried = shell(block_with("make doctor")), shell(block_with("keyless conditions"))
    assert asked.returncode == 14
    assert "attribute.aws_role == 'somebody-else'  is false: attribute.aws_role is" in tried.stdout
    assert "admitted" in shell(block_with("keyless conditions")).stdout


@needed
def test_a_provider_that_somebody_disabled_is_enabled_by_the_command(shell: Shell, chain: Chain) -> None:
    with provider(chain, disabled=True):
        assert '"disabled": true' in shell(block_with("providers describe")).stdout
        mended = shell(block_with("--no-disabled"))
        assert mended.returncode == 0, mended.stderr
        assert '"disabled": true' not in shell(block_with("providers describe")).stdout


def test_what_the_function_logged_of_a_failed_exchange_is_shown(shell: Shell, deployed: Deployment) -> None:
    logs = client("logs", deployed.clouds.environment)
    line = {"level": "WARNING", "keyless": "exchange-failed", "link": "impersonation"}
    stream = {"logGroupName": f"/aws/lambda/{FUNCTION}", "logStreamName": "of-the-runbook"}
    logs.create_log_stream(**stream)
    now = int(time.time() * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": json.dumps(line)}])
    shown = shell(block_with("filter-log-events")).stdout
    logs.delete_log_stream(**stream)
    assert json.loads(shown) == line
