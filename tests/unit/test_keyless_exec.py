"""`python -m keyless exec`, in real processes: the command is as if it had been started alone."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from keyless.exec.daemon import Process

from tests.unit.conftest import Ran
from tests.unit.exec_process import LAYER, Exec
from tests.unit.google_server import DENIED, KEYS, Fault, GoogleServer

REFUSED = {
    "error": "unauthorized_client",
    "error_description": "The given credential is rejected by the attribute condition.",
}


COUNTS_SIGNALS = """
import signal, sys
got = []
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"):
    signal.signal(signal.Signals[name], lambda number, _: got.append(signal.Signals(number).name))
print("ready", flush=True)
sys.stdin.readline()
print(*sorted(got), flush=True)
"""

ASKS_FOR_KEYS = """
import json, os, urllib.request
source = json.load(open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]))["credential_source"]
def ask(url, method="GET", **headers):
    headers = {f"X-aws-ec2-metadata-token{name}": value for name, value in headers.items()}
    return urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)).read().decode()
session = ask(source["imdsv2_session_token_url"], "PUT", **{"-ttl-seconds": "300"})
role = ask(source["url"], **{"": session})
for _ in range(3):
    keys = json.loads(ask(source["url"] + "/" + role, **{"": session}))
print(hash(keys["SecretAccessKey"]) == hash(os.environ["EXPECTED"]), ask(source["region_url"], **{"": session}))
"""


@pytest.fixture
def execute(google: GoogleServer, tmp_path: Path) -> Iterator[Exec]:
    """Commands with the container endpoint behind them."""
    execute = Exec(google, tmp_path)
    yield execute
    execute.wait_until_clean()


@pytest.fixture
def with_keys(execute: Exec) -> Exec:
    """Commands with static keys in variables behind them."""
    return replace(execute, environ=execute.google.environ())


def test_standard_streams_arguments_and_exit_code_are_the_commands_own(execute: Exec) -> None:
    done = execute.run("sh", "-c", 'cat; echo "$1" >&2; exit 7', "sh", "a b *", text="to the command")
    assert (done.returncode, done.stdout, done.stderr) == (7, "to the command", "a b *\n")


def test_a_signal_that_ends_the_command_is_seen_by_the_shell(execute: Exec) -> None:
    line = " ".join([*execute.prefix, "sh", "-c", "'kill -TERM $$'"])
    done = subprocess.run(["sh", "-c", f"{line}; echo $?"], env=execute.environment(), capture_output=True, text=True)
    assert done.stdout == f"{128 + signal.SIGTERM}\n"


@pytest.mark.parametrize("to_the_group", [False, True], ids=["to the process", "to its group"])
def test_each_signal_reaches_the_command_once(execute: Exec, to_the_group: bool) -> None:
    """Terraform gives up at a second one, at the price of its state."""
    with execute.start(sys.executable, "-c", COUNTS_SIGNALS, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            (os.killpg if to_the_group else os.kill)(process.pid, number)
        said, _ = process.communicate("go on\n", timeout=60)
    assert said.split() == ["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"]
    assert process.returncode == 0


def test_pythons_own_ignored_signals_are_not_the_commands(execute: Exec) -> None:
    done = execute.run("sh", "-c", "yes | head -1 && grep SigIgn /proc/self/status || true")
    assert done.stdout.startswith("y\n")
    assert done.stderr == ""
    if ignored := done.stdout[2:].split():
        assert int(ignored[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_whoever_reads_from_the_command_waits_for_nobody_else(execute: Exec) -> None:
    reading, writing = os.pipe()
    closes_both = f"import os, sys; os.close(1); os.close({writing}); sys.stdin.read()"
    with execute.start(sys.executable, "-c", closes_both, pass_fds=(writing,)) as process:
        os.close(writing)
        assert process.stdout
        for end in (process.stdout.fileno(), reading):
            assert select.select([end], [], [], 60)[0]
            assert os.read(end, 1) == b""
        assert process.poll() is None
    os.close(reading)


@pytest.mark.needs  # /proc
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the daemon in /proc")
def test_the_daemon_ends_by_nothing_but_the_commands_end(execute: Exec) -> None:
    """Whoever stops all processes of a build asks them to: the command may then need a token to end well."""
    script = "import os, sys; print(flush=True); sys.stdin.readline()\n" + ASKS_FOR_KEYS
    with execute.start("env", f"EXPECTED={KEYS.secret_key}", sys.executable, "-c", script) as process:
        assert process.stdout
        process.stdout.readline()
        (daemon,) = _processes(str(execute.folder)) - {process.pid}
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
            os.kill(daemon, number)
        assert process.communicate("\n", timeout=60)[0] == "True eu-central-1a\n"


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_nothing_is_left_however_the_command_ends(execute: Exec, end: str) -> None:
    with execute.start("sh", "-c", "echo $GOOGLE_APPLICATION_CREDENTIALS; read line") as process:
        assert process.stdout
        file = Path(process.stdout.readline().strip())
        address = urlsplit(json.loads(file.read_text())["credential_source"]["url"])
        assert (address.hostname, file.stat().st_mode & 0o777) == ("127.0.0.1", 0o600)
        assert (file.parent.stat().st_mode & 0o777, file.parent.parent) == (0o700, execute.folder)
        assert _listens(address.port)
        process.kill() if end == "kill" else process.communicate("\n", timeout=60)
    execute.wait_until_clean()
    execute.google.wait_until(lambda: not _listens(address.port))


def test_two_side_by_side_do_not_disturb_each_other(execute: Exec) -> None:
    script = "import os, sys; sys.stdin.readline()\n" + ASKS_FOR_KEYS
    both = [execute.start("env", f"EXPECTED={KEYS.secret_key}", sys.executable, "-c", script) for _ in range(2)]
    execute.google.wait_until(lambda: len(list(execute.folder.glob("keyless-*"))) == 2)
    for process in both:
        assert process.communicate("\n", timeout=60)[0] == "True eu-central-1a\n"
    execute.wait_until_clean()


def test_keys_are_asked_for_anew_when_they_end(execute: Exec) -> None:
    execute.google.lifetime = 60  # less than what is left to them when they are fetched again
    done = execute.run(sys.executable, "-c", ASKS_FOR_KEYS, EXPECTED=KEYS.secret_key)
    assert (done.stdout, done.stderr) == ("True eu-central-1a\n", "")
    assert execute.google.count("container") == 4  # once for the proof, three times for the command


def test_a_long_life_is_used_for_all(execute: Exec) -> None:
    assert execute.run(sys.executable, "-c", ASKS_FOR_KEYS, EXPECTED=KEYS.secret_key).returncode == 0
    assert execute.google.count("container") == 1


def test_keys_in_variables_are_served_and_no_longer_in_variables(with_keys: Exec) -> None:
    done = with_keys.run(sys.executable, "-c", f"{ASKS_FOR_KEYS}\nprint(*os.environ.values())", EXPECTED="else")
    served, environment = done.stdout.split("\n", 1)
    assert served == "False eu-central-1a"
    for secret in (KEYS.access_key, KEYS.secret_key, KEYS.token):
        assert secret not in environment


def test_keyless_itself_works_inside(with_keys: Exec) -> None:
    code = 'import keyless; keyless.credentials().before_request(None, "GET", "", {}); print("fine")'
    assert with_keys.run(sys.executable, "-c", code).stdout == "fine\n"


def test_and_so_does_another_exec(with_keys: Exec) -> None:
    assert with_keys.run(*with_keys.prefix, "echo", "fine").stdout == "fine\n"


@pytest.mark.parametrize(
    ("service", "fault", "said"),
    [
        ("container", Fault(403, {"message": "no role"}), ["aws-credentials failed", "no role", "has a role"]),
        ("container", Fault(cut=True), ["aws-credentials failed", "could not be reached"]),
        ("sts", Fault(400, REFUSED), ["sts-exchange failed", "attribute condition is false", "Name the function's"]),
        ("iamcredentials", Fault(403, DENIED), ["impersonation failed", "may not impersonate", "workloadIdentityUser"]),
    ],
)
def test_a_broken_link_is_explained_before_the_command_starts(
    execute: Exec, service: str, fault: Fault, said: list[str]
) -> None:
    execute.google.fail(service, fault, times=None)
    done = execute.run("touch", str(execute.folder / "started"), KEYLESS_DEADLINE="1")
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("keyless exec: ")
    assert len(done.stderr.splitlines()) == 1
    for words in said:
        assert words in done.stderr
    assert not (execute.folder / "started").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"KEYLESS_AUDIENCE": "", "GOOGLE_CLOUD_PROJECT": ""}, ["KEYLESS_AUDIENCE is missing", "GOOGLE_CLOUD_PROJECT"]),
        ({"AWS_REGION": ""}, ["aws-credentials failed for AWS_REGION"]),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": ""}, ["no AWS identity to start from"]),
    ],
)
def test_what_is_missing_is_named(execute: Exec, changed: dict[str, str], said: list[str]) -> None:
    done = execute.run("true", **changed)
    assert done.returncode == 125
    for words in said:
        assert words in done.stderr


def test_a_folder_for_the_file_that_cannot_be_had_is_described(execute: Exec) -> None:
    code = "import sys, tempfile; tempfile.tempdir = '/nonexistent'\nfrom keyless.exec import command\n"
    code += "sys.exit(command.main(['true']))"
    done = subprocess.run([sys.executable, "-c", code], env=execute.environment(), capture_output=True, text=True)
    assert done.returncode == 125
    assert "No such file or directory, a path of" in done.stderr
    assert "TMPDIR" in done.stderr
    assert "/nonexistent" not in done.stderr


def test_a_command_that_cannot_be_run_is_named_as_a_shell_would(execute: Exec) -> None:
    plain = execute.folder / "plain"
    plain.write_text("not a program")
    for command, code in (("no-such-command", 127), (str(execute.folder / "none"), 127), (str(plain), 126)):
        done = execute.run(command)
        assert (done.returncode, done.stdout) == (code, "")
        assert done.stderr.startswith(f"keyless exec: {command}: ")


def test_a_command_without_a_name_is_said_to_have_none(execute: Exec) -> None:
    """As `-- $TERRAFORM` in quotes has it, with the variable unset."""
    done = execute.run("", "apply")
    assert (done.returncode, done.stdout) == (127, "")
    assert done.stderr.splitlines() == ["keyless exec: the name of the command is empty"]
    assert execute.google.count("sts") == 0


def test_a_command_needs_no_dashes_before_it_but_after_them_may_begin_with_one(execute: Exec) -> None:
    for arguments, code in ((["true"], 0), (["--", "-no-such-command"], 127), (["-no-such-command"], 2), ([], 2)):
        command = [sys.executable, "-m", "keyless", "exec", *arguments]
        done = subprocess.run(command, env=execute.environment(), capture_output=True, text=True)
        assert (done.returncode, "usage: " in done.stderr) == (code, code == 2)


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["nonsense"], 2), (["--help"], 0), (["exec", "-h"], 0)])
def test_usage_is_short_and_asks_nobody_even_on_lambda(google: GoogleServer, arguments: list[str], code: int) -> None:
    on_lambda = google.environ(AWS_LAMBDA_INITIALIZATION_TYPE="on-demand", PYTHONPATH=str(LAYER), KEYLESS_APIS="")
    command = [sys.executable, "-m", "keyless", *arguments]
    for environ in (on_lambda, on_lambda | {"KEYLESS_AUDIENCE": ""}):
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        assert done.returncode == code
        assert "usage: python -m keyless" in (done.stderr if code else done.stdout)
    assert (google.asked, google.connections) == ([], 0)


ONLY_GOOGLE_AUTH = """
import runpy, sys
NEEDS = ("google", "cryptography", "_cffi_backend", "cffi", "pyasn1", "pyasn1_modules", "rsa")
THERE = {*sys.stdlib_module_names, *NEEDS, "keyless"}
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in THERE or name.startswith(("google.cloud", "google.api_core")):
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Nothing())
sys.argv[1:] = ["exec", "echo", "fine"]
runpy.run_module("keyless", run_name="__main__")
"""


def test_google_auth_is_all_that_it_needs(execute: Exec, run: Callable[..., Ran]) -> None:
    ran = run(ONLY_GOOGLE_AUTH, execute.environment(), init=None)
    assert (ran.out, ran.err) == ("fine\n", "")


def test_a_function_does_not_pay_for_it(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = "import sys, keyless; print([name for name in sys.modules if 'exec' in name or name == 'http.server'])"
    assert run(code, google.environ()).said == ["[]"]


def test_a_life_is_watched_where_the_system_does_not_tell_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyless.exec.daemon.POLL_INTERVAL", 0.01)
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    grandchild = 'import subprocess; p = subprocess.Popen(["sleep", "0.2"]); print(p.pid, flush=True); p.wait()'
    with subprocess.Popen([sys.executable, "-c", grandchild], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pid = int(process.stdout.readline())
        Process(pid).wait()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _listens(port: int | None) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port or 0)) == 0


def _processes(mark: str) -> set[int]:
    """The processes in whose first environment `mark` stands."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.add(int(process.name))
    return found
