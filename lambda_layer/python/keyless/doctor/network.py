"""The checks of the network: for each of Google's hosts its name, the connection, the certificate."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urlsplit

from keyless import failures
from keyless.doctor.diagnosis import Diagnosis
from keyless.doctor.report import Check
from keyless.errors import without_secrets
from keyless.net.sockets import Connector, Origin

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds for each step."""


def network(diagnosis: Diagnosis) -> Iterator[Check]:
    """Check each host that the chain needs, once. The exchange then uses the connections that this opens."""
    config, connector = diagnosis.config, Connector(diagnosis.config)
    urls = (*config.urls(), *map(config.endpoint, diagnosis.apis))
    for origin in dict.fromkeys(map(Origin.of, urls)):
        yield from _host(diagnosis, connector, origin)


def _host(diagnosis: Diagnosis, connector: Connector, origin: Origin) -> Iterator[Check]:
    proxy = urlsplit(diagnosis.config.proxy or "").hostname or ""
    through = f" through {proxy}" if connector.proxied(origin) else ""
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("dns", lambda: _resolve(proxy if through else origin.host)),
        ("tcp", lambda: _connect(connector, origin)),
        ("tls", lambda: _secure(diagnosis, connector, origin)),
    )
    for name, step in steps:
        check = f"{origin.host}: {name}{through}"
        if name == "tls" and origin.scheme != "https":
            yield diagnosis.ok("network", check, "plain http, on this machine", verdict="skipped")
            continue
        try:
            yield diagnosis.ok("network", check, _bounded(step))
        except OSError as error:
            yield _broken(diagnosis, connector, origin, check, error)
            return


def _broken(diagnosis: Diagnosis, connector: Connector, origin: Origin, check: str, error: OSError) -> Check:
    failure = failures.find("dns-failure") if ": dns" in check else failures.unreachable(error)
    if failure.id in ("dns-failure", "host-unreachable") and connector.proxied(origin) and ": tls" not in check:
        failure = failures.find("proxy-unreachable")
    detail = ""
    if isinstance(error, ssl.SSLCertVerificationError):
        issuer = _issuer_of_untrusted(connector, origin)
        detail = f"the certificate is from {issuer!r}" if issuer else ""
    words = without_secrets(str(error) or type(error).__name__)
    facts = {"HOST": origin.host}
    return diagnosis.failed("network", check, failure, detail=detail, words=words, facts=facts)


def _resolve(host: str) -> str:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return ", ".join(dict.fromkeys(str(address[0]) for *_, address in found))


def _connect(connector: Connector, origin: Origin) -> str:
    with connector.reach(origin) as sock:
        return f"port {origin.port} from {sock.getsockname()[0]}"


def _secure(diagnosis: Diagnosis, connector: Connector, origin: Origin) -> str:
    sock = connector.connect(origin)
    if not isinstance(sock, ssl.SSLSocket):
        raise TypeError(f"{origin} is not https")
    seen = f"{sock.version()}, certificate from {_issuer(sock)!r}"
    diagnosis.connections.give_back(origin, sock)
    return seen


def _issuer(sock: ssl.SSLSocket) -> str:
    certificate: Any = sock.getpeercert() or {}
    names = {key: value for part in certificate.get("issuer", ()) for key, value in part}
    return ", ".join(names[key] for key in ("organizationName", "commonName") if key in names)


def _issuer_of_untrusted(connector: Connector, origin: Origin) -> str:
    """Return the issuer of the certificate that was not trusted, "" when it is unknown. Nothing is sent.

    Python decodes only certificates that it has verified: so the one that came is taken once without verifying it,
    and then verified against itself.
    """
    try:
        blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        with blind.wrap_socket(connector.reach(origin), server_hostname=origin.host) as sock:
            certificate = sock.getpeercert(binary_form=True) or b""
        itself = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        itself.check_hostname = False
        itself.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        itself.load_verify_locations(cadata=certificate)
        with itself.wrap_socket(connector.reach(origin), server_hostname=origin.host) as sock:
            return _issuer(sock)
    except (OSError, ValueError):
        return ""


def _bounded(action: Callable[[], T]) -> T:
    """Return the result of `action` or raise its OSError; TimeoutError when it takes too long, as a resolver may."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(action())
        except BaseException as error:
            # Its traceback would keep this frame and a half-read connection alive until the next collection.
            future.set_exception(error.with_traceback(None))

    threading.Thread(target=run, name="keyless-doctor", daemon=True).start()
    return future.result(TIMEOUT)
