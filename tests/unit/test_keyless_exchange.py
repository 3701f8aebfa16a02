"""The chain as a whole: what is asked of whom, and what is asked again."""

from typing import Any

import pytest
from google.auth.aws import AwsSecurityCredentials
from keyless import AwsCredentialsError, EnvironmentSupplier, ExchangeError, ImpersonationError
from keyless.chain.exchange import IAM_SCOPE, REFUSALS, Exchanged, Patience, exchange
from keyless.config import Config
from keyless.net.connections import connections_for
from keyless.net.transport import Request

from tests.unit.google_server import DENIED, Fault, GoogleServer

SCOPES = ["https://www.googleapis.com/auth/bigquery"]


def run(google: GoogleServer, config: Config, patience: Patience | None = None) -> Exchanged:
    request = Request(connections_for(config))
    supplier = EnvironmentSupplier(google.environ())
    return exchange(config, supplier, request, SCOPES, patience or Patience())


def test_a_token_takes_one_request_to_each_service(google: GoogleServer, config: Config) -> None:
    connections_for(config).open_ahead(config.urls()[:2])
    exchanged = run(google, config)
    assert [asked.service for asked in google.asked] == ["sts", "iamcredentials"]
    assert google.connections <= 2  # none but those that were opened ahead
    assert exchanged.token.value in google.tokens
    assert exchanged.retries == 0
    assert list(exchanged.milliseconds) == ["connect", "aws-credentials", "sts-exchange", "impersonation", "total"]


def test_the_federated_token_may_impersonate_and_nothing_else(google: GoogleServer, config: Config) -> None:
    run(google, config)
    assert f"scope={IAM_SCOPE.replace(':', '%3A').replace('/', '%2F')}&" in google.asked[0].body
    assert SCOPES[0] in google.asked[1].body


def test_direct_access_asks_sts_alone_and_for_the_scopes_themselves(google: GoogleServer) -> None:
    config = Config.require(google.environ(KEYLESS_SERVICE_ACCOUNT=""))
    exchanged = run(google, config)
    connections_for(config).close()
    assert [asked.service for asked in google.asked] == ["sts"]
    assert "auth%2Fbigquery" in google.asked[0].body
    assert exchanged.token.value in google.tokens


@pytest.mark.parametrize("service", ["sts", "iamcredentials"])
@pytest.mark.parametrize("fault", [Fault(429), Fault(500), Fault(503), Fault(cut=True)], ids=str)
def test_what_may_pass_is_asked_again(google: GoogleServer, config: Config, service: str, fault: Fault) -> None:
    google.fail(service, fault, fault)
    assert run(google, config).retries >= 1  # a kept connection that is cut is replaced before it counts
    assert google.count(service) == 3
    assert google.count("sts" if service == "iamcredentials" else "iamcredentials") == 1


class CountingSupplier(EnvironmentSupplier):
    """Counts how often something was signed with its credentials."""

    signed = 0

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:
        self.signed += 1
        return super().get_aws_security_credentials(context, request)


def test_a_request_is_signed_anew_for_each_attempt_at_sts(google: GoogleServer, config: Config) -> None:
    google.fail("sts", Fault(503), times=2)
    google.fail("iamcredentials", Fault(503), times=2)
    supplier = CountingSupplier(google.environ())
    exchange(config, supplier, Request(connections_for(config)), SCOPES, Patience())
    assert supplier.signed == google.count("sts") == 3


def test_patience_ends(google: GoogleServer, config: Config) -> None:
    google.fail("sts", Fault(503), times=None)
    with pytest.raises(ExchangeError, match="HTTP 503"):
        run(google, config, Patience(seconds=2))
    assert 2 <= google.count("sts") <= 8


def test_patience_ends_also_with_a_server_that_hangs(google: GoogleServer, config: Config) -> None:
    with google.holding("sts"), pytest.raises(ExchangeError, match="could not be reached in time"):
        run(google, config, Patience(seconds=0.3))


def test_a_refusal_is_not_asked_again(google: GoogleServer, config: Config) -> None:
    google.fail("iamcredentials", Fault(403, {"error": {"message": "no"}}), times=None)
    with pytest.raises(ImpersonationError):
        run(google, config)
    assert google.count("iamcredentials") == 1


def test_a_refusal_that_a_new_binding_would_explain_is_asked_again_a_few_times(
    google: GoogleServer, config: Config
) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=REFUSALS)
    assert run(google, config).retries == REFUSALS
    google.fail("iamcredentials", Fault(403, DENIED), times=None)
    with pytest.raises(ImpersonationError) as caught:
        run(google, config)
    assert caught.value.retries == REFUSALS
    assert google.count("iamcredentials") == 2 * (REFUSALS + 1)


def test_a_binding_that_is_not_seen_yet_is_waited_for_when_there_is_time(google: GoogleServer, config: Config) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=3)
    exchanged = run(google, config, Patience(seconds=20, propagation=True))
    assert exchanged.retries == 3
    assert google.count("sts") == 1


def test_a_binding_that_never_comes_ends_the_wait(google: GoogleServer, config: Config) -> None:
    google.fail("iamcredentials", Fault(403, DENIED), times=None)
    with pytest.raises(ImpersonationError, match="up to five minutes"):
        run(google, config, Patience(seconds=3, propagation=True))
    assert REFUSALS + 1 < google.count("iamcredentials") <= 12


def test_without_aws_credentials_nobody_is_asked(google: GoogleServer, config: Config) -> None:
    request = Request(connections_for(config))
    with pytest.raises(AwsCredentialsError):
        exchange(config, EnvironmentSupplier({"AWS_REGION": "eu-central-1"}), request, SCOPES, Patience())
    assert google.asked == []


def test_google_that_cannot_reach_aws_is_asked_again(google: GoogleServer, config: Config) -> None:
    words = "Error connecting to the given credential's issuer."
    google.fail("sts", Fault(400, {"error": "invalid_grant", "error_description": words}), times=1)
    assert run(google, config).retries == 1
