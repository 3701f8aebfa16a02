"""The credentials as Google's clients use them: one token for all copies, and no request but the chain's."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import google.auth.credentials
import pytest
from google.auth.transport.requests import AuthorizedSession
from keyless import Credentials, EnvironmentSupplier, ImpersonationError
from keyless.config import CLOUD_PLATFORM, Config
from keyless.net.connections import connections_for

from tests.unit.google_server import ACCOUNT, DENIED, Fault, GoogleServer

QUERY = "/bigquery/v2/projects/example-project/queries"


@pytest.fixture
def credentials(google: GoogleServer, config: Config) -> Credentials:
    return Credentials(config, supplier=EnvironmentSupplier(google.environ()))


@pytest.fixture
def session(credentials: Credentials) -> Iterator[AuthorizedSession]:
    with AuthorizedSession(credentials) as session:
        yield session
        session._auth_request_session.close()


def header(credentials: google.auth.credentials.Credentials) -> str:
    headers: dict[str, str] = {}
    credentials.before_request(None, "GET", "https://bigquery.googleapis.com/", headers)
    return headers["authorization"]


def test_a_session_of_google_auth_works_with_them(
    google: GoogleServer, config: Config, session: AuthorizedSession
) -> None:
    for _ in range(2):
        assert session.post(config.endpoint("bigquery") + QUERY, json={}).status_code == 200
    assert [asked.service for asked in google.asked] == ["sts", "iamcredentials", "bigquery", "bigquery"]


def test_nothing_is_asked_before_the_first_request(google: GoogleServer, credentials: Credentials) -> None:
    assert credentials.token is None
    assert credentials.expiry is None
    assert not credentials.valid
    assert google.asked == []


def test_copies_share_the_token(google: GoogleServer, credentials: Credentials) -> None:
    token = header(credentials)
    assert header(credentials.with_scopes([CLOUD_PLATFORM])) == token
    assert header(credentials.with_quota_project("other")) == token
    assert google.count("sts") == 1
    assert credentials.valid
    assert credentials.expiry


def test_other_scopes_have_a_token_of_their_own(google: GoogleServer, credentials: Credentials) -> None:
    other = credentials.with_scopes(["https://www.googleapis.com/auth/bigquery"])
    assert header(other) != header(credentials)
    assert google.count("sts") == 2
    assert other.scopes == ("https://www.googleapis.com/auth/bigquery",)


def test_scopes_may_be_one_string(config: Config) -> None:
    assert Credentials(config, scopes="one two").scopes == ("one", "two")


def test_the_order_of_scopes_does_not_matter(google: GoogleServer, credentials: Credentials) -> None:
    assert header(credentials.with_scopes(["a", "b"])) == header(credentials.with_scopes(["b", "a"]))


def test_a_quota_project_is_billed(credentials: Credentials) -> None:
    headers: dict[str, str] = {}
    billed = credentials.with_quota_project("other").with_scopes([CLOUD_PLATFORM])
    billed.before_request(None, "GET", "https://bigquery.googleapis.com/", headers)
    assert headers["x-goog-user-project"] == "other"


def test_clients_need_not_scope_them(credentials: Credentials) -> None:
    with_scopes = google.auth.credentials.with_scopes_if_required
    assert with_scopes(credentials, ["https://www.googleapis.com/auth/devstorage"]) is credentials  # type: ignore[no-untyped-call]


def test_they_say_who_and_where(credentials: Credentials) -> None:
    assert (credentials.project_id, credentials.service_account_email) == ("example-project", ACCOUNT)


def test_a_token_that_the_api_refuses_is_replaced_once(
    google: GoogleServer, config: Config, session: AuthorizedSession
) -> None:
    google.fail("bigquery", Fault(401, {"error": {"message": "revoked"}}))
    assert session.post(config.endpoint("bigquery") + QUERY, json={}).status_code == 200
    assert google.count("sts") == 2


def test_64_threads_make_one_exchange(google: GoogleServer, credentials: Credentials) -> None:
    with ThreadPoolExecutor(64) as pool:
        with google.holding("sts"):
            asked = [pool.submit(header, credentials.with_scopes([CLOUD_PLATFORM])) for _ in range(64)]
            google.wait_for("sts")
        assert len({one.result() for one in asked}) == 1
    assert google.count("sts") == google.count("iamcredentials") == 1


def test_a_failure_does_not_outlive_its_request(google: GoogleServer, credentials: Credentials) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=3)
    with pytest.raises(ImpersonationError):
        header(credentials)
    assert header(credentials).startswith("Bearer ya29.")


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_after_an_idle_hour_a_request_pays_for_sts_and_iam_on_new_connections(
    google: GoogleServer, credentials: Credentials, reset: bool
) -> None:
    google.lifetime = 5  # too short to be used twice
    header(credentials)
    before, google.lifetime = google.connections, 3600
    google.drop_connections(reset=reset)
    header(credentials)
    assert google.count("sts") == google.count("iamcredentials") == 2
    assert 1 <= google.connections - before <= 2  # both are on one server here


def test_a_kept_connection_into_a_black_hole_is_replaced_unnoticed(google: GoogleServer) -> None:
    environ = google.environ(KEYLESS_DEADLINE="2")
    config = Config.require(environ)
    credentials = Credentials(config, supplier=EnvironmentSupplier(environ))
    token = header(credentials)
    silence = threading.Event()
    google.fail("sts", Fault(released=silence))
    before = google.connections
    credentials.refresh(None)
    silence.set()
    assert header(credentials) != token
    assert google.connections == before + 1
    connections_for(config).close()


def test_a_lifetime_of_twelve_hours_is_asked_for_and_a_refusal_is_explained(google: GoogleServer) -> None:
    environ = google.environ(KEYLESS_TOKEN_LIFETIME="43200")
    config = Config.require(environ)
    credentials = Credentials(config, supplier=EnvironmentSupplier(environ))
    words = "The access token lifetime cannot exceed 3600 seconds."
    google.fail("iamcredentials", Fault(400, {"error": {"status": "INVALID_ARGUMENT", "message": words}}))
    with pytest.raises(ImpersonationError, match=r"constraints/iam\.allowServiceAccountCredentialLifetimeExtension"):
        header(credentials)
    google.lifetime = 43_200
    header(credentials)
    assert json.loads(google.asked[-1].body)["lifetime"] == "43200s"
    assert credentials.expiry
    assert credentials.expiry - datetime.now(UTC).replace(tzinfo=None) > timedelta(hours=11)
    connections_for(config).close()


def test_no_look_up_of_a_regional_access_boundary_is_started(credentials: Credentials) -> None:
    # google-auth starts it for these; it would go to the real iamcredentials.googleapis.com, from any endpoint.
    assert not isinstance(credentials, google.auth.credentials.CredentialsWithRegionalAccessBoundary)
