"""Two things broken at once, and answers that are easily taken for another's: the first broken link is the one."""

from collections.abc import Iterator

from tests.local.doctor_servers import answering
from tests.local.doctor_stages_way import BEYOND
from tests.local.doctor_staging import staged
from tests.local.doctor_world import NOWHERE, Environ, World
from tests.unit.google_server import Fault, GoogleServer

BLOCKED = b"<html><body>This page is blocked by your organization</body></html>"
POLICY = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no VPC endpoint policy allows the sts:GetCallerIdentity "
    b"action</Message></Error></ErrorResponse>"
)


@staged(
    "two: no keys, and no name resolves", failure="aws-keys-missing", link="aws-credentials", says="AWS_ACCESS_KEY_ID"
)
def no_keys_and_no_dns(world: World) -> Iterator[Environ]:
    keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}
    yield world.chain({**keys, "KEYLESS_GOOGLE_ENDPOINT": BEYOND})


@staged("two: a wrong secret, and no name resolves", failure="aws-credentials-refused", link="aws-credentials")
def wrong_secret_and_no_dns(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_SECRET_ACCESS_KEY": "w" * 40, "KEYLESS_GOOGLE_ENDPOINT": BEYOND})


@staged("two: no way to AWS, and a condition that refuses", failure="condition-false", link="sts-exchange")
def no_aws_and_a_condition(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ENDPOINT_URL": NOWHERE}, condition="attribute.aws_role == 'somebody-else'")


@staged(
    "two: a clock two minutes off, and another AWS account", failure="aws-account-not-trusted", link="sts-exchange",
    ahead=120,
)  # fmt: skip
def clock_nearly_right_and_other_account(world: World) -> Iterator[Environ]:
    yield world.chain(account="999988887777")


@staged("two: a clock an hour ahead, and no binding", failure="clock-skew", link="clock", ahead=3600, how="machine")
def clock_ahead_and_no_binding(world: World) -> Iterator[Environ]:
    yield world.chain(bind=None)


@staged("two: a condition that refuses, and no binding", failure="condition-false", link="sts-exchange")
def condition_and_binding(world: World) -> Iterator[Environ]:
    yield world.chain(condition="attribute.aws_role == 'somebody-else'", bind=None)


@staged("two: no binding, and no jobUser", failure="binding-missing", link="impersonation")
def binding_and_job_user(world: World) -> Iterator[Environ]:
    yield world.chain(bind=None, job_user=False)


@staged(
    "a proxy's page in AWS's place", failure="aws-unreachable", link="identity", verdict="warning", how="words",
    says="blocked",
)  # fmt: skip
def page_for_aws(world: World) -> Iterator[Environ]:
    with answering(403, BLOCKED) as at:
        yield world.chain({"AWS_ENDPOINT_URL": at})


@staged(
    "a VPC endpoint whose policy keeps us from AWS's STS", failure="aws-unreachable", link="identity",
    verdict="warning", how="words", says="endpoint policy",
)  # fmt: skip
def endpoint_policy(world: World) -> Iterator[Environ]:
    with answering(403, POLICY) as at:
        yield world.chain({"AWS_ENDPOINT_URL": at})


@staged(
    "a proxy's page in place of the exchange",
    failure="response-not-from-google",
    link="network",
    how="words",
    says="localhost",
)
def page_for_sts(world: World) -> Iterator[Environ]:
    with GoogleServer() as google:
        google.fail("sts", Fault(403, BLOCKED), times=None)
        yield google.environ(AWS_ENDPOINT_URL=NOWHERE)


@staged(
    "a page for an address that Google does not have", failure="response-not-from-google", link="network", how="words"
)
def page_for_impersonation(world: World) -> Iterator[Environ]:
    with GoogleServer() as google:
        google.fail("iamcredentials", Fault(404, b"<title>Error 404 (Not Found)!!1</title>"), times=None)
        yield google.environ(AWS_ENDPOINT_URL=NOWHERE)


@staged(
    "a proxy's page in place of BigQuery",
    failure="response-not-from-google",
    link="network",
    how="words",
    says="blocked",
)
def page_for_bigquery(world: World) -> Iterator[Environ]:
    with GoogleServer() as google:
        google.fail("bigquery", Fault(403, BLOCKED), times=None)
        yield google.environ(AWS_ENDPOINT_URL=NOWHERE)
