"""Which certificates are believed, with and without a bundle of one's own."""

import ssl
from pathlib import Path

import certifi
import pytest
from keyless.config import Config
from keyless.net.roots import GOOGLE_ROOTS, Roots
from keyless.net.sockets import Connector, Origin

from tests.unit.conftest import Certificate
from tests.unit.google_server import GoogleServer


@pytest.fixture
def public(certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The public bundle vouches for the tests' Google; Google's own roots do not."""
    bundle = tmp_path / "public.pem"
    bundle.write_text(certificate.file.read_text())
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))


def test_every_root_of_google_is_in_the_public_bundle() -> None:
    public = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    ours = ssl.create_default_context(cafile=GOOGLE_ROOTS).get_ca_certs(binary_form=True)
    assert len(ours) == Path(GOOGLE_ROOTS).read_text().count("BEGIN CERTIFICATE") > 4
    assert set(ours) <= set(public)


@pytest.mark.usefixtures("public")
def test_a_host_under_another_public_root_is_reached_all_the_same(secure_google: GoogleServer) -> None:
    connector = Connector(config_of(secure_google))
    for _ in range(2):
        connector.connect(origin_of(secure_google)).close()
    assert secure_google.connections == 3  # refused once, and never again


def test_a_host_under_a_root_of_the_systems_is_reached_too(
    secure_google: GoogleServer, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(secure_google)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))  # where OpenSSL looks for the system's
    Connector(config).connect(origin_of(secure_google)).close()
    assert secure_google.connections == 2


@pytest.mark.usefixtures("public")
def test_the_public_bundle_does_not_excuse_a_wrong_name(secure_google: GoogleServer) -> None:
    elsewhere = origin_of(secure_google)._replace(host="127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        Connector(config_of(secure_google)).connect(elsewhere)


def test_a_bundle_of_ones_own_is_not_widened(certificate: Certificate) -> None:
    chosen = Roots(str(certificate.file))
    assert not chosen.widen(chosen.context())
    assert len(chosen.context().get_ca_certs()) == 1


def test_both_bundles_are_asked_for_name_and_certificate() -> None:
    trust = Roots(None)
    narrow = trust.context()
    assert trust.widen(narrow)
    for context in (narrow, trust.context()):
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert len(narrow.get_ca_certs()) < 20 < len(trust.context().get_ca_certs())


def config_of(server: GoogleServer) -> Config:
    return Config.require(server.environ())


def origin_of(server: GoogleServer) -> Origin:
    return Origin.of(server.endpoint)
