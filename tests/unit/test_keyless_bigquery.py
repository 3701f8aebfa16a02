"""The real BigQuery client on Keyless: rows, over connections that were open already."""

from collections.abc import Callable

import pytest
import requests
from keyless import ImpersonationError
from keyless.adapter import AheadAdapter
from keyless.config import Config
from keyless.connections import Connections, connections_for

from tests.unit.conftest import Certificate, Ran
from tests.unit.google_server import DENIED, Fault, GoogleServer

HANDLER = """
import keyless
client = keyless.bigquery_client()
print([dict(row) for row in client.query_and_wait("SELECT 1 AS one")])
"""


def test_a_handler_of_three_lines_gets_rows(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(HANDLER, google.environ())
    assert ran.said == ["[{'one': 1}]"], ran.err
    assert [asked.service for asked in google.asked] == ["sts", "iamcredentials", "bigquery"]


def test_three_hosts_are_connected_to_once_each_over_tls(
    secure_google: GoogleServer, certificate: Certificate, run: Callable[..., Ran]
) -> None:
    again = HANDLER + "client.query_and_wait('SELECT 1 AS one')\n"
    ran = run(again, secure_google.environ(SSL_CERT_FILE=str(certificate.file)))
    assert ran.said == ["[{'one': 1}]"], ran.err
    assert secure_google.connections == 3
    assert len(secure_google.asked) == 4


def test_the_clients_connection_is_verified_too(
    secure_google: GoogleServer, certificate: Certificate, run: Callable[..., Ran]
) -> None:
    code = """
import keyless, os
client = keyless.bigquery_client(client_options={"api_endpoint": os.environ["OTHER"]})
try:
    client.query_and_wait("SELECT 1", retry=None, job_retry=None)
except Exception as error:
    print("certificate" in str(error).lower())
"""
    other = secure_google.endpoint.replace("localhost", "127.0.0.1").replace("{service}", "bigquery")
    ran = run(code, secure_google.environ(SSL_CERT_FILE=str(certificate.file), OTHER=other))
    assert ran.said == ["True"], ran.err
    assert secure_google.count("bigquery") == 0


def test_building_the_client_waits_for_the_token(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=4)
    code = "import keyless; keyless.bigquery_client(); print(keyless.credentials().token is not None)"
    assert run(code, google.environ(), init="provisioned-concurrency").said == ["True"]


def test_a_session_trusts_what_the_exchange_trusts_whatever_it_is_told(
    secure_google: GoogleServer, certificate: Certificate
) -> None:
    trusting = Config.require(secure_google.environ(SSL_CERT_FILE=str(certificate.file)))
    doubting = Config.require(secure_google.environ())
    with requests.Session() as session:
        session.mount(trusting.endpoint("bigquery"), AheadAdapter(Connections(trusting)))
        assert session.post(trusting.endpoint("bigquery") + "/x").status_code == 401
        session.mount(doubting.endpoint("bigquery"), AheadAdapter(Connections(doubting)))
        with pytest.raises(requests.exceptions.SSLError):
            session.post(doubting.endpoint("bigquery") + "/x", verify=False)


def test_all_connections_share_one_tls_context(config: Config) -> None:
    connections = connections_for(config)
    adapter = AheadAdapter(connections)
    request = requests.Request("GET", "https://bigquery.googleapis.com/").prepare()
    pool = adapter.get_connection_with_tls_context(request, verify=True)
    assert vars(pool)["conn_kw"]["ssl_context"] is connections.tls_context()
    adapter.close()


def test_without_connections_ahead_it_works_as_well(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(HANDLER, google.environ(KEYLESS_APIS=""))
    assert ran.said == ["[{'one': 1}]"], ran.err


def test_arguments_of_the_client_win(google: GoogleServer, run: Callable[..., Ran]) -> None:
    code = """
import keyless
mine = keyless.credentials(["https://www.googleapis.com/auth/bigquery"])
client = keyless.bigquery_client(project="mine", location="EU", credentials=mine)
print(client.project, client.location, client._credentials is mine)
"""
    assert run(code, google.environ()).said == ["mine EU True"]


def test_a_broken_chain_reaches_the_handler_as_it_is(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=None)
    code = """
import keyless
client = keyless.bigquery_client()
try:
    client.query_and_wait("SELECT 1 AS one")
except keyless.ChainError as error:
    print(type(error).__name__, error.link, error.status)
"""
    ran = run(code, google.environ())
    assert ran.said == [f"{ImpersonationError.__name__} impersonation 403"], ran.err
    assert google.count("bigquery") == 0
    assert google.count("sts") == 2  # one at import, one for the query: BigQuery does not retry a broken chain


def test_outside_lambda_it_works_without_starting_at_import(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(HANDLER, google.environ(), init=None)
    assert ran.said == ["[{'one': 1}]"], ran.err
    assert ran.events == []


@pytest.mark.parametrize("call", ["bigquery_client()", "credentials()"])
def test_without_a_configuration_it_says_what_is_missing(call: str, run: Callable[..., Ran]) -> None:
    ran = run(f"import keyless; keyless.{call}", {}, init=None)
    assert "KEYLESS_AUDIENCE is missing" in ran.err
    assert "GOOGLE_CLOUD_PROJECT is missing" in ran.err
