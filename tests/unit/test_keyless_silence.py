"""A network that swallows what it is sent, as one does that has forgotten a connection: nobody waits for it for ever.

Made in a network namespace of a process's own, whose loopback is taken down under an open connection.
"""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from keyless.config import Config
from keyless.net.connections import Connections
from keyless.net.sockets import SILENCE, Origin

from tests.unit.conftest import LAYER
from tests.unit.google_server import GoogleServer

ROOT = Path(__file__).parents[2]

NETWORK = """
import ctypes, fcntl, os, socket, struct, sys

def loopback(up):
    with socket.socket() as sock:
        name = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(sock, 0x8913, name))[1]  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
        fcntl.ioctl(sock, 0x8914, struct.pack("16sH14s", b"lo", flags | 1 if up else flags & ~1, b""))

ctypes.CDLL(None).unshare(0x50000000)  # CLONE_NEWUSER | CLONE_NEWNET
loopback(True)
"""

QUERY = """
import threading
from contextlib import ExitStack
import keyless, keyless.net.sockets
from google.api_core.retry import Retry
from google.cloud.bigquery import DEFAULT_RETRY
from tests.unit.google_server import GoogleServer

keyless.net.sockets.SILENCE = 1

def noticed(error):
    print(type(error).__name__, "after", google.count("bigquery"))
    later.close()
    loopback(True)

def query():  # asked again as BigQuery's client does it by itself
    retry = Retry(predicate=DEFAULT_RETRY._predicate, on_error=noticed)
    return [dict(row) for row in client.query_and_wait("SELECT 1 AS one", retry=retry)]

with GoogleServer() as google, ExitStack() as later:
    os.environ |= google.environ()
    client = keyless.bigquery_client()
    query()
    connections = google.connections
    {silently}
    print(query(), google.connections - connections)
    client.close()
"""

BEFORE_THE_REQUEST = "loopback(False)"
DURING_THE_REQUEST = """
    def cut():
        google.wait_for("bigquery", 2)
        loopback(False)
    later.enter_context(google.holding("bigquery"))
    threading.Thread(target=cut).start()
"""


def may_have_a_network() -> bool:
    """Whether this user may make a network namespace."""
    asks = "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return subprocess.run([sys.executable, "-c", asks], env={}).returncode == 0


@pytest.mark.needs  # network namespaces
@pytest.mark.parametrize(
    ("silently", "arrived"), [(BEFORE_THE_REQUEST, 1), (DURING_THE_REQUEST, 2)], ids=["before", "during"]
)
def test_a_query_on_a_connection_that_fell_silent_gets_its_rows_on_another(silently: str, arrived: int) -> None:
    if not may_have_a_network():
        pytest.skip("this system gives its users no network namespaces")
    ran = subprocess.run(
        [sys.executable, "-c", NETWORK + QUERY.replace("{silently}", silently.strip())],
        env={"PYTHONPATH": f"{LAYER}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout.splitlines() == [f"ReadTimeout after {arrived}", "[{'one': 1}] 1"], ran.stderr


def test_each_connection_is_watched(google: GoogleServer) -> None:
    connections = Connections(Config.require(google.environ()))
    with connections.open(Origin.of(google.endpoint)) as sock:
        options = [getattr(socket, f"TCP_{name}") for name in ("USER_TIMEOUT", "KEEPIDLE", "KEEPINTVL")]
        set_to = [sock.getsockopt(socket.IPPROTO_TCP, option) for option in options]
        assert set_to[0] == SILENCE * 1000
        assert sum(set_to[1:]) < SILENCE
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
