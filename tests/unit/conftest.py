"""A Google on loopback for each test, a certificate to trust, and handlers run in processes of their own."""

import datetime
import ipaddress
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from keyless.config import Config
from keyless.net.connections import connections_for

from tests.unit.google_server import GoogleServer

LAYER = Path(__file__).parents[2] / "lambda_layer" / "python"


@dataclass(frozen=True)
class Certificate:
    """A certificate for localhost, as files, and the server's side of it."""

    file: Path
    context: ssl.SSLContext


@dataclass(frozen=True)
class Ran:
    """How a handler's process ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of JSON that Keyless logged."""
        lines = [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]
        return [line for line in lines if "keyless" in line]

    @property
    def said(self) -> list[str]:
        """What the handler itself printed."""
        return [line for line in self.out.splitlines() if not line.startswith("{")]


@pytest.fixture
def google() -> Iterator[GoogleServer]:
    with GoogleServer() as server:
        yield server


@pytest.fixture
def config(google: GoogleServer) -> Iterator[Config]:
    """The configuration of a function that uses `google`; its connections are closed at the end."""
    config = Config.require(google.environ())
    yield config
    connections_for(config).close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "localhost.pem", folder / "localhost.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return Certificate(file, context)


@pytest.fixture
def secure_google(certificate: Certificate) -> Iterator[GoogleServer]:
    """As `google`, over TLS 1.3, with a certificate that only `certificate.file` vouches for."""
    with GoogleServer(tls=certificate.context) as server:
        yield server


@pytest.fixture
def run() -> Callable[..., Ran]:
    """Runs Python code as Lambda would: in a new process, with only the given environment."""

    def run(code: str, environ: Mapping[str, str] = os.environ, *, init: str | None = "on-demand") -> Ran:
        env = {"PYTHONPATH": str(LAYER), **environ}
        if init:
            env |= {"AWS_LAMBDA_INITIALIZATION_TYPE": init, "AWS_REGION": "eu-central-1"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, timeout=120
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
