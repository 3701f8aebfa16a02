"""The real BigQuery client on Keyless: rows, over connections that were open already."""

from collections.abc import Callable, Iterator

import pytest
import requests
from keyless import ImpersonationError
from keyless.adapter import AheadAdapter
from keyless.config import Config
from keyless.net.connections import IDLE_LIMIT, Connections, connections_for

from tests.unit.conftest import Certificate, Ran
from tests.unit.google_server import DENIED, Fault, GoogleServer
from tests.unit.http_proxy import proxy

HANDLER = """
import keyless
client = keyless.bigquery_client()
print([dict(row) for row in client.query_and_wait("SELECT 1 AS one")])
"""


def test_a_handler_of_three_lines_gets_rows(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(HANDLER, google.environ())
    assert ran.said == ["[{'one': 1}]"], ran.err
    assert [asked.service for asked in google.asked] == ["sts", "iamcredentials", "bigquery"]


def test_credentials_and_a_project_of_ones_own_need_no_configuration(run: Callable[..., Ran]) -> None:
    code = """
import os
for name in [name for name in os.environ if name.startswith(("KEYLESS_", "GOOGLE_", "AWS_"))]:
    del os.environ[name]
import keyless
from google.auth.credentials import AnonymousCredentials
print(keyless.bigquery_client(credentials=AnonymousCredentials(), project="my-project").project)
"""
    ran = run(code, {})
    assert ran.said == ["my-project"], ran.err


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
    with requests.Session() as session:
        session.mount(doubting.endpoint("bigquery"), AheadAdapter(Connections(doubting)))
        with pytest.raises(requests.exceptions.SSLError):
            session.post(doubting.endpoint("bigquery") + "/x", verify=False)


@pytest.fixture
def session(google: GoogleServer, config: Config) -> Iterator[tuple[requests.Session, str, list[float]]]:
    """A session on connections of its own, where to post to, and the wall clock's time, to be set."""
    now = [1_000_000.0]
    with requests.Session() as session:
        session.mount(config.endpoint("bigquery"), AheadAdapter(Connections(config, clock=lambda: now[0])))
        yield session, config.endpoint("bigquery") + "/x", now


def test_a_connection_is_used_again_until_it_was_idle_for_too_long(
    google: GoogleServer, session: tuple[requests.Session, str, list[float]]
) -> None:
    client, url, now = session
    for _ in range(3):
        assert client.post(url).status_code == 401
    assert google.connections == 1
    now[0] += IDLE_LIMIT + 1
    assert client.post(url).status_code == 401
    assert google.connections == 2
    google.wait_until(lambda: google.open_connections == 1)
    assert google.count("bigquery") == 4


def test_an_answer_that_was_not_read_to_its_end_leaves_no_connection_behind(
    google: GoogleServer, session: tuple[requests.Session, str, list[float]]
) -> None:
    client, url, _ = session
    google.fail("bigquery", Fault(200, b"x" * 9_999_999))
    client.post(url, stream=True).close()
    google.wait_until(lambda: google.open_connections == 0)
    assert client.post(url).status_code == 401
    assert google.connections == 2


def test_a_request_larger_than_a_buffer_is_sent_whole(
    google: GoogleServer, session: tuple[requests.Session, str, list[float]]
) -> None:
    client, url, _ = session
    for _ in range(2):
        assert client.post(url, data=b"x" * 9_999_999).status_code == 401
    assert {len(asked.body) for asked in google.asked} == {9_999_999}
    assert google.connections == 1


def test_a_proxy_of_the_environment_is_used_once_for_many_requests(
    secure_google: GoogleServer, certificate: Certificate
) -> None:
    with proxy() as (port, heads):
        environ = {"SSL_CERT_FILE": str(certificate.file), "HTTPS_PROXY": f"http://127.0.0.1:{port}"}
        config = Config.require(secure_google.environ(**environ))
        connections = Connections(config)
        connections.open_ahead([config.endpoint("bigquery")])
        with requests.Session() as session:
            session.proxies = {"https": environ["HTTPS_PROXY"]}  # as requests finds it in the environment
            session.mount(config.endpoint("bigquery"), AheadAdapter(connections))
            for _ in range(2):
                assert session.post(config.endpoint("bigquery") + "/x", timeout=60).status_code == 401
    assert len(heads) == secure_google.connections == 1


def test_a_client_that_was_used_before_a_fork_works_in_both_processes(
    secure_google: GoogleServer, certificate: Certificate, run: Callable[..., Ran]
) -> None:
    code = (
        HANDLER
        + """
import os, sys
sys.stdout.flush()
pid = os.fork()
for _ in range(2):
    rows = [dict(row) for row in client.query_and_wait("SELECT 1 AS one")]
    print("child" if pid == 0 else "parent", rows, flush=True)
if pid == 0:
    os._exit(0)
print(os.waitpid(pid, 0)[1])
"""
    )
    ran = run(code, secure_google.environ(SSL_CERT_FILE=str(certificate.file)))
    assert sorted(ran.said) == ["0", "[{'one': 1}]", *["child [{'one': 1}]"] * 2, *["parent [{'one': 1}]"] * 2], ran.err
    assert secure_google.count("bigquery") == 5
    assert secure_google.connections == 4  # the three of the parent, and the child's own


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


REFUSED = {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "Request had invalid credentials."}}
ASKS_TWICE = """
import keyless
client = keyless.bigquery_client()
for _ in range(2):
    try:
        print([dict(row) for row in client.query_and_wait("SELECT 1 AS one")])
    except keyless.ChainError as error:
        print(type(error).__name__, error.link, error.status, "|", error)
"""


def test_a_token_that_the_api_refuses_is_replaced_once(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("bigquery", Fault(401, REFUSED))
    assert run(ASKS_TWICE, google.environ()).said == ["[{'one': 1}]"] * 2
    assert (google.count("sts"), google.count("bigquery")) == (2, 3)


def test_an_api_that_refuses_new_tokens_too_is_explained(google: GoogleServer, run: Callable[..., Ran]) -> None:
    google.fail("bigquery", Fault(401, REFUSED), times=2)
    ran = run(ASKS_TWICE, google.environ())
    said, rows = ran.said
    assert said.startswith("ApiError api 401 | api failed for localhost: the API did not accept the token"), ran.err
    assert "UNAUTHENTICATED: Request had invalid credentials." in said
    assert "Check that the pool is enabled" in said
    assert rows == "[{'one': 1}]"
    assert (google.count("sts"), google.count("bigquery")) == (2, 3)
    for token in google.tokens:
        assert token not in ran.out + ran.err


def test_outside_lambda_it_works_without_starting_at_import(google: GoogleServer, run: Callable[..., Ran]) -> None:
    ran = run(HANDLER, google.environ(), init=None)
    assert ran.said == ["[{'one': 1}]"], ran.err
    assert ran.events == []


@pytest.mark.parametrize("call", ["bigquery_client()", "credentials()"])
def test_without_a_configuration_it_says_what_is_missing(call: str, run: Callable[..., Ran]) -> None:
    ran = run(f"import keyless; keyless.{call}", {}, init=None)
    assert "KEYLESS_AUDIENCE is missing" in ran.err
    assert "GOOGLE_CLOUD_PROJECT is missing" in ran.err
