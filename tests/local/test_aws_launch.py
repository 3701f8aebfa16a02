"""The way into a function's environment, with each kind of isolation that this machine allows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.aws.functions.launch import NO_ISOLATION
from local.aws.functions.runtime import LAUNCHER

STAND_IN = """
import json, os, sys
def writable(path):
    try:
        open(path, "w").close()
        return True
    except OSError:
        return False
print(json.dumps({"argument": sys.argv[1], "listing": sorted(os.listdir(sys.argv[1])),
    "writable": writable(sys.argv[1] + "/python/new"), "cwd": os.getcwd(), "uid": os.getuid(),
    "task": os.environ["LAMBDA_TASK_ROOT"], "bytecode": not sys.dont_write_bytecode, "path": sys.path,
    "wrapped": os.environ.get("WRAPPED")}))
"""


def launch(plan: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(plan)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def plan(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "opt" / "python").mkdir(parents=True)
    (tmp_path / "task").mkdir()
    (tmp_path / "bootstrap.py").write_text(STAND_IN)
    return {name: str(tmp_path / name) for name in ("opt", "task")} | {"bootstrap": str(tmp_path / "bootstrap.py")}


def inside(plan: dict[str, Any], isolation: str, **environment: str) -> dict[str, Any]:
    if launch({"isolation": isolation, "probe": True}).returncode != 0:
        pytest.skip(f"this machine does not allow isolation by {isolation}")
    ended = launch({**plan, "isolation": isolation}, **environment)
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@pytest.mark.needs  # namespaces
@pytest.mark.parametrize("isolation", ["mounts", "user-namespace"])
def test_layers_are_mounted_read_only_over_the_hosts_opt(plan: dict[str, Any], isolation: str) -> None:
    before = os.listdir("/opt")
    seen = inside(plan, isolation)
    assert (seen["argument"], seen["listing"], seen["writable"]) == ("/opt", ["python"], False)
    assert seen["uid"] == os.getuid()
    assert os.listdir("/opt") == before, "the host sees the mount"


def test_without_isolation_layers_stay_in_their_folder_and_no_bytecode_is_written(plan: dict[str, Any]) -> None:
    seen = inside(plan, NO_ISOLATION)
    assert (seen["argument"], seen["listing"]) == (plan["opt"], ["python"])
    assert seen["bytecode"] is False


def test_a_function_starts_in_its_code_and_does_not_see_the_bootstraps_folder(plan: dict[str, Any]) -> None:
    seen = inside(plan, NO_ISOLATION)
    assert seen["task"] == seen["cwd"] == plan["task"]
    assert str(Path(plan["bootstrap"]).parent) not in seen["path"]


def test_an_exec_wrapper_starts_the_runtime(plan: dict[str, Any], tmp_path: Path) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\nWRAPPED=yes exec "$@"\n')
    wrapper.chmod(0o755)
    assert inside(plan, NO_ISOLATION, AWS_LAMBDA_EXEC_WRAPPER=str(wrapper))["wrapped"] == "yes"
