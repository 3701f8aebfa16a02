"""Whoever was given an environment has it until it is given back, whatever becomes of its version meanwhile."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.aws.functions.runtime import DEFAULT_PYTHON
from tests.local.aws_lab import ACCOUNT, PYTHON, REGION, ROOT, archive

# In a process of its own, as it patches MiniStack: the way of an invocation, with a version left at a point of it
# that no caller can choose.
LEASES = """
import json, sys
from pathlib import Path
from local.aws.functions import executor
from local.aws.internals import lambda_runtime, lambda_svc
from local.aws.functions.runtime import Runtime

python, version, config, code, left = sys.argv[1:]
executor.install(Runtime(python=Path(python), version=version, isolation="none"), "http://127.0.0.1:1")
config, archive = json.loads(config), Path(code).read_bytes()
alive = lambda pid: Path(f"/proc/{pid}").exists()

one, _ = lambda_svc.acquire_worker("leased", config, archive)
lambda_runtime.ensure_spawned(one)
pid = one._proc.pid
if left == "before":
    lambda_svc.invalidate_worker("leased")
answer = one.invoke({}, "request")
if left == "after":
    lambda_svc.invalidate_worker("leased")
kept = one._proc is not None and one._proc.pid == pid and alive(pid)
lambda_svc.release_worker(one)
another, how = lambda_svc.acquire_worker("leased", config, archive)
if left == "free":
    lambda_svc.release_worker(another)
    lambda_svc.invalidate_worker("leased")
print(json.dumps([answer.get("result"), kept, alive(pid), how]))
"""
HANDLER = "import os\ndef handler(event, context):\n    return 'served'\n"


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ("before", ["served", True, False, "spawn"]),
        ("after", ["served", True, False, "spawn"]),
        ("free", ["served", True, False, "reused"]),
        ("never", ["served", True, True, "reused"]),
    ],
)
def test_an_environment_that_was_handed_out_ends_when_it_is_given_back(
    tmp_path: Path, left: str, expected: list[Any]
) -> None:
    code = tmp_path / "code.zip"
    code.write_bytes(archive({"code.py": HANDLER}))
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:leased"
    config = {
        "FunctionName": "leased", "FunctionArn": arn, "Handler": "code.handler", "Runtime": PYTHON,
        "Role": f"arn:aws:iam::{ACCOUNT}:role/leased", "Timeout": 60, "Version": "$LATEST",
    }  # fmt: skip
    version = PYTHON.removeprefix("python")
    command = [sys.executable, "-c", LEASES, str(DEFAULT_PYTHON), version, json.dumps(config), str(code), left]
    env = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == expected, ended.stderr


MOVED = """
import json, sys, threading
from local.aws.functions import provisioned
from local.aws.internals import lambda_runtime, lambda_svc
from local.aws.functions.worker import PROVISIONED, Environment

config, patience, order = json.loads(sys.argv[1]), float(sys.argv[2]), []
provisioned.UNDER_WAY = patience
one = Environment("leased", config, b"", initialization=PROVISIONED)
lambda_runtime._workers[provisioned._key(config)] = [one]
assert lambda_runtime.acquire_worker("leased", config, b"", qualifier=config["Version"])[0] is one
waiting = threading.Event()
sleep, provisioned.time.sleep = provisioned.time.sleep, lambda seconds: (waiting.set(), sleep(seconds))

def answer():
    waiting.wait()
    order.append("answered")
    lambda_svc.release_worker(one)

answering = threading.Thread(target=answer, daemon=True)
if patience > 1:
    answering.start()
provisioned._let_finish(provisioned.retire("leased"))
print(json.dumps([*order, "went on"]))
"""


@pytest.mark.parametrize(("patience", "expected"), [(60, ["answered", "went on"]), (0.1, ["went on"])])
def test_cloudformation_goes_on_when_what_came_before_an_alias_moved_is_answered(
    tmp_path: Path, patience: float, expected: list[str]
) -> None:
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:leased"
    config = {"FunctionName": "leased", "FunctionArn": arn, "Runtime": PYTHON, "Version": "1"}
    command = [sys.executable, "-c", MOVED, json.dumps(config), str(patience)]
    env = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == expected
