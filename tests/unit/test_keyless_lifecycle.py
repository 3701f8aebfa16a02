"""What importing does, in each way in which Lambda starts a process."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.conftest import Ran
from tests.unit.google_server import DENIED, KEYS, Fault, GoogleServer

READY = "import keyless; print(keyless.ready(), flush=True)"
REQUEST = """
headers = {}
keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com", headers)
print(headers["authorization"].startswith("Bearer ya29."))
"""
UNTIL_OVER = """
import keyless, os
said = set()
while not os.path.exists(os.environ["OVER"]):
    said.add(keyless.ready(timeout=0.5))
print(*said)
"""


@pytest.mark.parametrize("init", ["on-demand", "provisioned-concurrency", "lambda-managed-instances"])
def test_importing_makes_the_token_that_the_first_request_uses(
    google: GoogleServer, run: Callable[..., Ran], init: str
) -> None:
    ran = run(READY + REQUEST, google.environ(), init=init)
    assert ran.said == ["True", "True"], ran.err
    assert google.count("sts") == 1
    assert [(line["keyless"], line["init"]) for line in ran.events] == [("token-ready", init)]


def test_the_line_that_tells_of_a_token_is_for_machines_and_holds_no_secret(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    ran = run(READY, google.environ())
    (line,) = ran.events
    assert set(line) == {"timestamp", "level", "keyless", "init", "ms", "retries", "expires"}
    assert set(line["ms"]) == {"connect", "aws-credentials", "sts-exchange", "impersonation", "total"}
    assert (line["level"], line["retries"]) == ("INFO", 0)
    assert_no_secret(google, ran)


def assert_no_secret(google: GoogleServer, ran: Ran) -> None:
    said = ran.out + ran.err
    signed = json.dumps([asked.body for asked in google.asked])
    assert "Signature" in signed
    for secret in (*google.tokens, KEYS.secret_key, KEYS.token, KEYS.access_key, "Signature", "ya29"):
        assert secret not in said.replace("Bearer ya29.", "")


@pytest.mark.parametrize(
    "environ",
    [{}, {"GOOGLE_CLOUD_PROJECT": "p"}, {"KEYLESS_AUDIENCE": "partial, and not on Lambda"}],
    ids=str,
)
def test_outside_lambda_importing_does_nothing(run: Callable[..., Ran], environ: dict[str, str]) -> None:
    code = "import threading, keyless; print(keyless.ready(), threading.active_count())"
    ran = run(code, environ, init=None)
    assert ran.out == "False 1\n", ran.err


def test_outside_lambda_a_whole_configuration_starts_nothing_either(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    assert run(READY, google.environ(), init=None).said == ["False"]
    assert google.connections == 0


def test_on_lambda_without_a_configuration_importing_does_nothing(run: Callable[..., Ran]) -> None:
    assert run(READY, {}).said == ["False"]


def test_on_lambda_half_a_configuration_fails_init_and_names_all_that_is_missing(run: Callable[..., Ran]) -> None:
    ran = run("import keyless", {"KEYLESS_SERVICE_ACCOUNT": "nobody"})
    assert ran.code == 1
    last = ran.err.splitlines()[-1]
    assert last.startswith("keyless.errors.ConfigurationError: Keyless is not configured: ")
    assert "KEYLESS_AUDIENCE is missing" in last
    assert "GOOGLE_CLOUD_PROJECT is missing" in last
    assert "KEYLESS_SERVICE_ACCOUNT must be" in last


def test_under_snapstart_nothing_is_connected_or_exchanged_in_init(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    ran = run("import threading\n" + READY + "\nprint(threading.active_count())", google.environ(), init="snap-start")
    assert ran.said == ["False", "1"], ran.err
    assert google.connections == 0
    assert run(READY + REQUEST, google.environ(), init="snap-start").said == ["False", "True"]


@pytest.mark.parametrize("fault", [Fault(403, DENIED), Fault(400, {"error": "invalid_target"})], ids=["iam", "sts"])
def test_init_does_not_fail_with_google_and_the_first_request_tries_again(
    google: GoogleServer, run: Callable[..., Ran], fault: Fault
) -> None:
    google.fail("iamcredentials" if fault.status == 403 else "sts", fault, times=3)
    ran = run(READY + REQUEST, google.environ())
    assert ran.code == 0, ran.err
    assert ran.said == ["False", "True"]
    assert [line["keyless"] for line in ran.events] == ["exchange-failed", "token-ready"]
    failure = ran.events[0]
    assert (failure["level"], failure["status"]) == ("WARNING", fault.status)
    assert failure["link"] == ("impersonation" if fault.status == 403 else "sts-exchange")
    assert failure["message"].startswith(failure["link"] + " failed for ")


def test_init_does_not_fail_without_aws_credentials(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(READY, google.environ(AWS_ACCESS_KEY_ID=""))
    assert (ran.code, ran.said) == (0, ["False"])
    assert ran.events[0]["link"] == "aws-credentials"


def test_provisioned_concurrency_waits_for_a_binding_that_is_not_seen_yet(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=4)
    ran = run(READY, google.environ(), init="provisioned-concurrency")
    assert ran.said == ["True"], ran.err
    assert ran.events[0]["retries"] == 4
    assert google.count("sts") == 1


def test_provisioned_concurrency_starts_without_a_token_when_the_binding_does_not_come(
    google: GoogleServer, run: Callable[..., Ran], tmp_path: Path
) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=None)
    over = tmp_path / "over"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run, UNTIL_OVER, google.environ(OVER=str(over)), init="provisioned-concurrency")
        try:
            google.wait_until(lambda: google.count("iamcredentials") >= 3)
        finally:
            over.touch()
        ran = running.result()
    assert (ran.code, ran.said, ran.events) == (0, ["False"], []), ran.err


def test_ready_waits_no_longer_than_it_is_told(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = "import keyless; print(keyless.ready(timeout=0.05))"
    with google.holding("sts"):
        assert run(code, google.environ()).said == ["False"]


def test_a_log_level_leaves_out_all_but_failures(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=3)
    quiet = "import logging; logging.getLogger('keyless').setLevel('WARNING')\n"
    code = "import keyless\n" + quiet + "print(keyless.ready())" + REQUEST
    with google.holding("sts"):
        pass
    ran = run(code, google.environ())
    assert [line["keyless"] for line in ran.events] == ["exchange-failed"]


def test_a_forked_process_makes_requests_of_its_own(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = """
import os
pid = os.fork()
headers = {}
keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com", headers)
keyless.credentials().refresh(None)
print("child" if pid == 0 else "parent", headers["authorization"].startswith("Bearer "), flush=True)
if pid == 0:
    os._exit(0)
print(os.waitpid(pid, 0)[1])
"""
    ran = run(READY + code, google.environ())
    assert sorted(ran.said) == ["0", "True", "child True", "parent True"]
    assert ran.err == ""  # not a warning that the child left the parent's sockets open
    assert google.count("sts") == 3


def test_the_sdk_of_aws_is_not_imported(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run("import sys, keyless; print({'boto3', 'botocore', 'grpc', 'google.cloud'} & set(sys.modules))", {})
    assert ran.said == ["set()"]
