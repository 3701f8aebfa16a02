"""Every way in which Lambda starts, copies and ends a process, as far as it can be had without Lambda.

The runtime client is Lambda's own; freezing, snapshots and Managed Instances are not: their hooks, and processes
that are forked as there, are what is tested.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.conftest import Ran
from tests.unit.google_server import Fault, GoogleServer
from tests.unit.runtime_api import RuntimeApi

HANDLER = """
import os
import keyless

ready = keyless.ready()

def token():
    headers = {}
    keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com", headers)
    return hash(headers["authorization"])

def handler(event, context):
    return {"pid": os.getpid(), "ready": ready, "warm": keyless.ready(), "token": token()}
"""

USES_IT_IN_INIT = """
from snapshot_restore_py import register_after_restore, register_before_snapshot

# Registered before the import of keyless: runs after keyless has let go.
register_before_snapshot(lambda: print("before:", keyless.credentials().token, flush=True))
import keyless

def use():
    headers = {}
    keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com", headers)
    return headers["authorization"]

register_after_restore(lambda: print("after:", keyless.credentials().token is not None, flush=True))
first = hash(use())

def handler(event, context):
    return {"new": hash(use()) != first}
"""


QUERIES_IN_INIT = """
import keyless

client = keyless.bigquery_client()
list(client.query_and_wait("SELECT 1 AS one"))

def handler(event, context):
    return [dict(row) for row in client.query_and_wait("SELECT 1 AS one")]
"""

IDLE = """
import time
real, ahead = time.time, [0]
time.time = lambda: real() + ahead[0]  # Lambda's freeze cannot be had: only the wall clock knows of it anyway
import keyless

client = keyless.bigquery_client()

def handler(event, context):
    ahead[0] = event
    return [dict(row) for row in client.query_and_wait("SELECT 1 AS one")]
"""

FORKS_WHILE_BUSY = """
import os, signal, threading
import keyless

def use(times):
    for _ in range(times):
        keyless.credentials().before_request(None, "GET", "https://bigquery.googleapis.com", {})

keyless.ready()
threads = [threading.Thread(target=use, args=(100,)) for _ in range(4)]
for thread in threads:
    thread.start()
ends = set()
for _ in range(40):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # ends a child that waits for a lock which nobody will open
        use(2)
        os._exit(0)
    ends.add(os.waitpid(pid, 0)[1])
for thread in threads:
    thread.join()
print("ends", sorted(ends))
"""


def test_under_snapstart_the_token_is_made_after_the_restore(google: GoogleServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    api = RuntimeApi(on_restore=lambda: seen.append((len(google.asked), google.connections)))
    with api.running(tmp_path, HANDLER, google.container(), "snap-start"):
        answers = [api.invoke() for _ in range(2)]
    assert seen == [(0, 0)], "nobody was called, or connected to, before the snapshot"
    assert [(answer["ready"], answer["warm"]) for answer in answers] == [(False, True)] * 2
    assert [asked.service for asked in google.asked] == ["container", "sts", "iamcredentials"]
    assert [(line["keyless"], line["init"]) for line in api.ran.events] == [("token-ready", "snap-start")]


def test_what_a_handler_made_in_init_is_not_in_the_snapshot(google: GoogleServer, tmp_path: Path) -> None:
    open_then: list[int] = []

    def at_snapshot() -> None:
        google.wait_until(lambda: google.open_connections == 0)
        open_then.append(google.open_connections)

    api = RuntimeApi(on_restore=at_snapshot)
    with api.running(tmp_path, USES_IT_IN_INIT, google.container(), "snap-start"):
        assert api.invoke() == {"new": True}
    assert open_then == [0]
    assert [line for line in api.ran.said if line.startswith(("before", "after"))] == ["before: None", "after: True"]
    assert google.count("container") == google.count("sts") == 2  # nor are AWS's credentials in the snapshot


def test_a_client_that_was_used_in_init_leaves_no_connection_in_the_snapshot(
    google: GoogleServer, tmp_path: Path
) -> None:
    api = RuntimeApi(on_restore=lambda: google.wait_until(lambda: google.open_connections == 0))
    with api.running(tmp_path, QUERIES_IN_INIT, google.container(), "snap-start"):
        assert api.invoke() == [{"one": 1}]
        assert google.count("bigquery") == 2
        google.wait_until(lambda: google.open_connections == 3)  # opened by the restore, some of them not needed yet
        connections = google.connections
        assert api.invoke() == [{"one": 1}]
        assert google.connections == connections  # and it keeps its new one


@pytest.mark.parametrize("used", [True, False], ids=["used", "never used"])
@pytest.mark.parametrize("end", ["hung up", "reset", "silent"])
def test_a_provisioned_environment_that_was_idle_for_an_hour_pays_for_sts_and_iam_on_fresh_connections(
    google: GoogleServer, tmp_path: Path, end: str, used: bool
) -> None:
    api = RuntimeApi()
    with api.running(tmp_path, IDLE, google.environ(), "provisioned-concurrency"):
        assert api.initialized.wait(60)
        asked = [api.invoke(0)] if used else []
        google.wait_until(lambda: google.open_connections == 3)
        if end != "silent":
            google.drop_connections(reset=end == "reset")
        before, connections = Counter(one.service for one in google.asked), google.connections
        asked.append(api.invoke(3700))
    assert asked == [[{"one": 1}]] * len(asked)
    after = Counter(one.service for one in google.asked)
    assert after - before == {"sts": 1, "iamcredentials": 1, "bigquery": 1}  # nothing was sent in vain, or twice
    assert google.connections - connections == 1  # STS, IAM and BigQuery are one host here
    assert [line["keyless"] for line in api.ran.events] == ["token-ready", "token-refreshed"]


def test_a_restore_does_not_fail_because_google_ails(google: GoogleServer, tmp_path: Path) -> None:
    google.fail("sts", Fault(400, {"error": "invalid_request"}))
    api = RuntimeApi()
    with api.running(tmp_path, HANDLER, google.container(), "snap-start"):
        assert api.invoke()["token"]
    assert api.restores == 1
    assert [line["keyless"] for line in api.ran.events] == ["exchange-failed", "token-ready"]


def test_without_lambdas_snapshot_library_importing_works_all_the_same(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    code = "import sys; sys.modules['snapshot_restore_py'] = None\nimport keyless; print(keyless.ready())"
    assert run(code, google.environ(), init="snap-start").said == ["False"]


def test_each_process_of_a_managed_instance_makes_one_token(google: GoogleServer, tmp_path: Path) -> None:
    api = RuntimeApi()
    environ = google.environ(AWS_LAMBDA_MAX_CONCURRENCY="3")
    with api.running(tmp_path, HANDLER, environ, "lambda-managed-instances"):
        with google.holding("sts"):
            for _ in range(12):
                api.send(None)
            google.wait_for("sts", 3)
        answers = [api.answer() for _ in range(12)]
    assert all(answer["ready"] for answer in answers)
    assert len({answer["token"] for answer in answers}) == len({answer["pid"] for answer in answers})
    assert google.count("sts") == google.count("iamcredentials") == 3


def test_a_child_that_is_forked_during_the_exchange_makes_its_own(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    code = """
import os, keyless
pid = os.fork()
print("child" if pid == 0 else "parent", keyless.ready(), flush=True)
if pid == 0:
    os._exit(0)
print(os.waitpid(pid, 0)[1])
"""
    with ThreadPoolExecutor(1) as pool:
        with google.holding("sts"):
            running = pool.submit(run, code, google.environ())
            google.wait_for("sts", 2)
        ran = running.result()
    assert sorted(ran.said) == ["0", "child True", "parent True"], ran.err
    assert ran.err == ""


def test_children_that_are_forked_while_threads_are_busy_do_not_hang(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    google.lifetime = 5  # too short to be used twice: each request is an exchange
    assert run(FORKS_WHILE_BUSY, google.environ()).said == ["ends [0]"]


def test_an_init_that_crashed_is_begun_anew(google: GoogleServer, run: Callable[..., Ran]) -> None:
    with google.holding("iamcredentials"):
        assert run("import keyless, os; keyless.ready(0.2); os._exit(1)", google.environ()).code == 1
    assert run("import keyless; print(keyless.ready())", google.environ()).said == ["True"]
