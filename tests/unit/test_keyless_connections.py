"""Connections are opened once, ahead of need; used, kept, replaced when dead; and always verified."""

import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from google.auth.exceptions import TransportError
from keyless.config import Config
from keyless.net.connections import IDLE_LIMIT, Connections
from keyless.net.sockets import Origin, is_alive
from keyless.net.transport import Request

from tests.unit.conftest import Certificate
from tests.unit.google_server import DRIPS, Fault, GoogleServer
from tests.unit.http_proxy import proxy


@contextmanager
def connections_to(google: GoogleServer, **environ: str) -> Iterator[tuple[Connections, str]]:
    config = Config.require(google.environ(**environ))
    connections = Connections(config)
    try:
        yield connections, config.endpoint("sts") + "/v1/nothing"
    finally:
        connections.close()


@pytest.fixture
def opened(secure_google: GoogleServer, certificate: Certificate) -> Iterator[tuple[Connections, str]]:
    with connections_to(secure_google, SSL_CERT_FILE=str(certificate.file)) as (connections, url):
        secure_google.fail("sts", Fault(200, b"{}"), times=None)
        yield connections, url


def test_a_request_uses_the_connection_that_was_opened_ahead(
    secure_google: GoogleServer, opened: tuple[Connections, str]
) -> None:
    connections, url = opened
    connections.open_ahead([url])
    for _ in range(3):
        assert Request(connections)(url, "POST", b"").status == 200
    assert secure_google.connections == 1
    assert connections.spent_connecting() > 0
    assert connections.spent_connecting() == 0


def test_all_are_opened_at_once(secure_google: GoogleServer, opened: tuple[Connections, str]) -> None:
    connections, url = opened
    connections.open_ahead([url] * 3)
    taken = [connections.take(Origin.of(url)) for _ in range(3)]
    assert all(taken)
    assert connections.take(Origin.of(url)) is None
    assert secure_google.connections == 3
    for sock in taken:
        assert sock
        sock.close()


def test_session_tickets_do_not_make_a_live_connection_look_dead(opened: tuple[Connections, str]) -> None:
    connections, url = opened
    sock = connections.open(Origin.of(url))
    assert isinstance(sock, ssl.SSLSocket)
    assert sock.version() == "TLSv1.3"
    sock.settimeout(60)
    while not is_readable(sock):  # the tickets have arrived
        pass
    assert is_alive(sock)
    sock.close()


def is_readable(sock: socket.socket) -> bool:
    raw = socket.socket(fileno=socket.dup(sock.fileno()))
    try:
        raw.setblocking(False)
        return bool(raw.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        raw.close()


def test_a_kept_connection_that_died_is_replaced_without_an_error(google: GoogleServer) -> None:
    with connections_to(google) as (connections, url):
        google.fail("sts", Fault(200, b"{}"), Fault(cut=True), Fault(200, b"{}"))
        request = Request(connections)
        assert request(url, "POST", b"").status == 200
        assert request(url, "POST", b"").status == 200  # its first attempt is cut
        assert google.count("sts") == 3
        assert google.connections == 2


def test_a_connection_that_was_closed_while_idle_is_not_used(google: GoogleServer) -> None:
    with connections_to(google) as (connections, url):
        ours, theirs = socket.socketpair()
        connections.give_back(Origin.of(url), ours)
        theirs.close()
        assert connections.take(Origin.of(url)) is None
        assert ours.fileno() == -1


def test_a_connection_that_was_idle_too_long_is_not_trusted(google: GoogleServer) -> None:
    now = 1_000_000.0
    connections = Connections(Config.require(google.environ()), clock=lambda: now)
    origin = Origin.of(google.endpoint)
    connections.open_ahead([google.endpoint])
    sock = connections.take(origin)
    assert sock
    connections.give_back(origin, sock)
    now += IDLE_LIMIT - 1
    assert connections.take(origin) is sock
    connections.give_back(origin, sock)
    now += IDLE_LIMIT + 1
    assert connections.take(origin) is None
    assert sock.fileno() == -1


def test_connections_that_many_threads_left_behind_are_closed(google: GoogleServer) -> None:
    now = 1_000_000.0
    connections = Connections(Config.require(google.environ()), clock=lambda: now)
    origin = Origin.of(google.endpoint)
    many = [connections.open(origin) for _ in range(5)]
    for sock in many:
        connections.give_back(origin, sock)
    now += IDLE_LIMIT + 1
    connections.give_back(origin, last := connections.open(origin))
    assert [sock.fileno() for sock in many] == [-1] * 5
    assert connections.take(origin) is last
    last.close()


def test_a_new_connection_that_is_cut_is_an_error_and_not_repeated(google: GoogleServer) -> None:
    with connections_to(google) as (connections, url):
        google.fail("sts", Fault(cut=True))
        with pytest.raises(TransportError) as caught:
            Request(connections)(url, "POST", b"")
        assert isinstance(caught.value.__cause__, OSError)
        assert google.count("sts") == 1


def test_a_server_that_does_not_answer_is_given_up(google: GoogleServer) -> None:
    with connections_to(google) as (connections, url), google.holding("sts"), pytest.raises(TransportError) as caught:
        Request(connections)(url, "POST", b"", timeout=0.1)
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize("place", DRIPS)
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
def test_an_answer_that_drips_is_given_up_and_not_asked_for_again(google: GoogleServer, place: str, kept: bool) -> None:
    with connections_to(google) as (connections, url):
        google.fail("sts", *[Fault(200, b"{}")] * kept, Fault(drip=DRIPS[place]), times=1)
        if kept:
            assert Request(connections)(url, "POST", b"").status == 200
        with pytest.raises(TransportError) as caught:
            Request(connections)(url, "POST", b"", timeout=0.2)
        google.wait_until(lambda: google.open_connections == 0)
    assert isinstance(caught.value.__cause__, TimeoutError)
    assert (google.count("sts"), google.connections) == (1 + kept, 1)


def test_a_kept_connection_that_dies_in_the_middle_of_an_answer_is_not_asked_again(google: GoogleServer) -> None:
    with connections_to(google) as (connections, url):
        ours, theirs = socket.socketpair()
        connections.give_back(Origin.of(url), ours)

        def answer_half() -> None:
            theirs.recv(1)
            theirs.sendall(b"HTTP/1.1 2")
            theirs.close()  # a reset, as there is more that was not read

        thread = threading.Thread(target=answer_half)
        thread.start()
        with pytest.raises(TransportError) as caught:
            Request(connections)(url)
        thread.join()
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert google.connections == 0


def test_a_host_that_never_accepts_is_given_up() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        full = [socket.socket() for _ in range(4)]  # the queue of a listener that accepts nobody
        for waiting in full:
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        connections = Connections(Config(audience="", project=""))
        with pytest.raises(TimeoutError):
            connections.open(Origin("http", "127.0.0.1", port), timeout=0.1)
        connections.open_ahead([f"http://127.0.0.1:{port}"])
        with pytest.raises(TimeoutError):
            connections.take(Origin("http", "127.0.0.1", port), timeout=0.1)
        for waiting in full:
            waiting.close()


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 407 Who are you\r\n\r\n"], ids=str)
def test_a_proxy_that_fails_is_let_go_at_once(google: GoogleServer, answer: bytes) -> None:
    left: list[bytes] = []

    def serve() -> None:
        with listener.accept()[0] as client:
            client.recv(65536)
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
            left.append(client.recv(1))  # ends when the other end lets go

    with socket.create_server(("127.0.0.1", 0)) as listener, not_collecting():
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}
        with connections_to(google, **environ) as (connections, url), pytest.raises(TransportError) as caught:
            Request(connections)(url.replace("http:", "https:"))
        thread.join(20)
        assert left == [b""]
        assert caught.value.__cause__


@contextmanager
def not_collecting() -> Iterator[None]:
    """What is let go only by the garbage collector stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_an_untrusted_certificate_is_refused(secure_google: GoogleServer) -> None:
    with connections_to(secure_google) as (connections, url), pytest.raises(TransportError) as caught:
        Request(connections)(url)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert secure_google.count("sts") == 0


def test_a_certificate_of_another_host_is_refused(secure_google: GoogleServer, certificate: Certificate) -> None:
    environ = {"SSL_CERT_FILE": str(certificate.file), "NO_PROXY": ""}
    with connections_to(secure_google, **environ) as (connections, url), pytest.raises(TransportError) as caught:
        Request(connections)(url.replace("localhost", "127.0.0.1"))
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_both_variables_for_roots_are_honoured(secure_google: GoogleServer, certificate: Certificate) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        secure_google.fail("sts", Fault(200, b"{}"))
        with connections_to(secure_google, **{variable: str(certificate.file)}) as (connections, url):
            assert Request(connections)(url, "POST").status == 200


def test_a_proxy_of_the_environment_is_used_and_told_who_we_are(
    secure_google: GoogleServer, certificate: Certificate
) -> None:
    with proxy() as (port, heads):
        environ = {"SSL_CERT_FILE": str(certificate.file), "HTTPS_PROXY": f"http://user:p%40ss@127.0.0.1:{port}"}
        secure_google.fail("sts", Fault(200, b"{}"), times=2)
        with connections_to(secure_google, **environ) as (connections, url):
            assert Request(connections)(url, "POST").status == 200
        assert heads[0].startswith(b"CONNECT localhost:")
        assert b"Proxy-Authorization: Basic dXNlcjpwQHNz" in heads[0]
        with connections_to(secure_google, **environ, NO_PROXY="localhost") as (connections, url):
            assert Request(connections)(url, "POST").status == 200
        assert len(heads) == 1
