"""What a cold start leaves out, and that nobody notices."""

from collections.abc import Callable
from pathlib import Path

from tests.unit.conftest import LAYER, Ran
from tests.unit.google_server import GoogleServer

AS_IN_THE_LAYER = """
import sys
storage = ["google.cloud.bigquery_storage", "google.cloud.bigquery_storage_v1"]
sys.modules |= dict.fromkeys(["grpc", "grpc_status", *storage])
"""
"""Without what only a developer's machine has."""

WARM = """
import sys
import keyless
from google.cloud import bigquery
client = keyless.bigquery_client()
list(client.query_and_wait("SELECT 1"))
"""


def test_a_query_needs_no_cryptography_protobuf_or_telemetry(google: GoogleServer, run: Callable[..., Ran]) -> None:
    also = "sorted({'cryptography', 'google.protobuf.message', 'opentelemetry.trace'} & set(sys.modules))"
    ran = run(f"{AS_IN_THE_LAYER}\n{WARM}\nprint('also', {also})", on_lambda(google))
    assert ran.said == ["also []"], ran.err


def test_nothing_is_imported_before_the_first_connection_that_can_wait_for_it(
    google: GoogleServer, run: Callable[..., Ran]
) -> None:
    code = """
import sys, threading
start, seen = threading.Thread.start, []
def started(thread):
    seen.append((thread.name, sorted({"ssl", "pathlib", "google.auth", "http.client"} & set(sys.modules))))
    start(thread)
threading.Thread.start = started
import keyless
print(seen[0])
"""
    assert run(code, on_lambda(google)).said == ["('keyless-connect', [])"]


def test_what_was_left_out_is_there_when_it_is_used(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = f"""{WARM}
import google.cloud._helpers
from google.api_core import exceptions
from google.rpc import error_details_pb2

import asyncio, asyncio.events, google.auth.crypt, google.auth.crypt.rsa, google.auth.jwt
from google.auth import _regional_access_boundary_utils, crypt, jwt
from google.oauth2 import service_account

async def one():
    return 1

duration = google.cloud._helpers._timedelta_to_duration_pb(__import__("datetime").timedelta(seconds=7))
import google.protobuf.duration_pb2
assert duration == google.protobuf.duration_pb2.Duration(seconds=7)
assert exceptions.error_details_pb2.ErrorInfo is error_details_pb2.ErrorInfo
import google.rpc.error_details_pb2
assert google.rpc.error_details_pb2.ErrorInfo(reason="x").reason == "x"

assert asyncio.run(one()) == 1
assert asyncio.events.get_event_loop_policy()
assert _regional_access_boundary_utils.asyncio.Lock is asyncio.Lock
assert crypt.RSASigner is google.auth.crypt.rsa.RSASigner
try:
    service_account.Credentials.from_service_account_info(dict(client_email="a@b", token_uri="x", private_key="no"))
except ValueError as error:
    print("asked cryptography:", type(error).__name__)
"""
    assert "asked cryptography" in run(code, on_lambda(google)).said[-1]


def test_who_brings_opentelemetrys_instrumentation_gets_spans(
    google: GoogleServer, run: Callable[..., Ran], tmp_path: Path
) -> None:
    package = tmp_path / "opentelemetry" / "instrumentation"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    uses = "from opentelemetry import context, trace\nfrom opentelemetry.trace import StatusCode\n"  # as the real one
    package.joinpath("utils.py").write_text(f"{uses}def http_status_to_status_code(status): return StatusCode.OK\n")
    code = f"""{WARM}
from google.cloud.bigquery import opentelemetry_tracing as tracing
with tracing.create_span("BigQuery.query") as span:
    print(tracing.HAS_OPENTELEMETRY, span is not None)
"""
    ran = run(code, on_lambda(google) | {"PYTHONPATH": f"{LAYER}:{tmp_path}"})
    assert ran.said[-1] == "True True", ran.err


def test_elsewhere_nothing_is_left_out(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = (
        "import sys, keyless, asyncio, google.auth.crypt\nprint(type(asyncio).__name__, 'cryptography' in sys.modules)"
    )
    assert run(code, google.environ()).said[-1] == "module True"


def test_the_process_is_as_it_was(google: GoogleServer, run: Callable[..., Ran]) -> None:
    state = "(gc.isenabled(), sys.getswitchinterval(), [f for f in sys.meta_path if 'keyless' in type(f).__module__])"
    code = f"import gc, sys\nbefore = {state}\nimport keyless\nprint(before == {state})"
    assert run(code, on_lambda(google)).said[-1] == "True"


def on_lambda(google: GoogleServer) -> dict[str, str]:
    return google.environ(AWS_LAMBDA_INITIALIZATION_TYPE="on-demand")
