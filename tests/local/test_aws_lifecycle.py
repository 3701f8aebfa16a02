"""The local AWS starts clean or says why not, and leaves nothing behind: no process, no port, no folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from local.aws.internals import Unfamiliar, check
from local.process import free_port
from tests.local.aws_lab import ACCOUNT, PYTHON, REGION, ROOT, LocalAws, archive, local_aws

# Starts a session of its own, as a tool that a function runs may do: a group's signal does not reach it.
STRAY = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
def handler(event, context):
    time.sleep(event.get("sleep", 600))
"""


def wait(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def descendants(pid: int) -> set[int]:
    children: set[int] = set()
    with suppress(OSError):  # it may end meanwhile
        for task in Path(f"/proc/{pid}/task").iterdir():
            children |= {int(child) for child in (task / "children").read_text().split()}
    return children.union(*map(descendants, children))


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}/exe").exists()}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def hang(aws: LocalAws) -> None:
    """Bring up what MiniStack does not end by itself: a custom resource that never answers, and a stray process."""
    aws.client("lambda").create_function(
        FunctionName="stray",
        Runtime=PYTHON,
        Role=aws.create_role("role"),
        Handler="index.handler",
        Code={"ZipFile": archive({"index.py": STRAY})},
        Timeout=900,
    )
    token = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:stray"
    resource = {"Type": "Custom::Hanging", "Properties": {"ServiceToken": token}}
    template = json.dumps({"Resources": {"Thing": resource}})
    aws.client("cloudformation").create_stack(StackName="hanging", TemplateBody=template)
    # supervisor -> MiniStack -> the function -> its stray
    assert wait(lambda: len(descendants(aws.server.process.pid)) >= 3)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_all_even_while_a_custom_resource_hangs(tmp_path: Path, end: signal.Signals) -> None:
    with local_aws(tmp_path) as aws:
        hang(aws)
        pids = descendants(aws.server.process.pid)
        aws.server.process.send_signal(end)
        assert aws.server.process.wait(60) == 0
        assert not alive(pids)
        assert not listens(aws.port)
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_supervisor_killed_by_force_takes_everything_of_its_group_along(tmp_path: Path) -> None:
    with local_aws(tmp_path) as aws:
        (ministack,) = [pid for pid in descendants(aws.server.process.pid)]
        aws.server.process.kill()
        assert wait(lambda: not alive({ministack}))
        assert wait(lambda: list((tmp_path / "tmp").iterdir()) == [])
        assert wait(lambda: not listens(aws.port))


def test_it_ends_with_the_process_that_started_it_when_asked_to(tmp_path: Path) -> None:
    port = free_port()
    start = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m', 'local', 'aws', '--die-with-parent',"
        f" '--port', '{port}'], start_new_session=True); time.sleep(600)"
    )
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    assert wait(lambda: listens(port))
    parent.kill()
    parent.wait()
    assert wait(lambda: not listens(port) and list(tmp_path.iterdir()) == [])


def test_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with local_aws(tmp_path) as aws:
        sockets = [
            line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()
        ]
        port, listening = f":{aws.port:04X}", "0A"
        addresses = [fields[1] for fields in sockets if fields[1].endswith(port) and fields[3] == listening]
        assert addresses == [f"0100007F{port}"]


def start_and_fail(*options: str) -> str:
    command = [sys.executable, "-m", "local", "aws", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode != 0
    return ended.stdout + ended.stderr


def test_a_missing_runtime_says_how_to_make_one() -> None:
    output = start_and_fail("--port", "1", "--runtime-python", "/nowhere/bin/python")
    assert "no Python for the local Lambda runtime at /nowhere/bin/python" in output
    assert "--require-hashes -r requirements-runtime.lock" in output
    assert "Traceback" not in output


def test_a_runtime_without_lambdas_client_says_what_it_lacks(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    output = start_and_fail("--port", "1", "--runtime-python", str(tmp_path / "bin" / "python"))
    assert "No module named 'awslambdaric'" in output
    assert "Traceback" not in output


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "is already in use" in start_and_fail("--port", str(other.getsockname()[1]))


def test_the_installed_ministack_is_the_one_we_know() -> None:
    check()


def test_another_ministack_is_refused_with_every_difference_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from local.aws import internals

    monkeypatch.setattr(internals, "VERSION", "1.0.0")
    monkeypatch.setattr(internals.lambda_svc, "_provided_worker_env", lambda config: {})
    monkeypatch.delattr(internals.stacks, "_runs_on_worker_thread")
    with pytest.raises(Unfamiliar) as refusal:
        check()
    message = str(refusal.value)
    assert "its version is 1.5.33" in message
    assert "_provided_worker_env takes (config), not (config code_dir port)" in message
    assert "_runs_on_worker_thread takes (nothing: it is missing)" in message
    assert "Install ministack==1.0.0" in message
