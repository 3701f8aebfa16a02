"""What breaks at Google's Security Token Service."""

from collections.abc import Iterator

from tests.local.doctor_staging import staged
from tests.local.doctor_world import NOWHERE, Environ, World, audience, disabled, quota
from tests.local.google_fixtures import ACCOUNT

LONG = "a-role-whose-name-is-as-long-as-a-name-of-a-role-may-be-in-aws-x"


@staged(
    "the condition does not name the role",
    failure="condition-false",
    link="sts-exchange",
    says="keyless conditions",
)
def other_role(world: World) -> Iterator[Environ]:
    yield world.chain(keys=world.session("somebody-else"))


@staged("the provider is disabled", failure="provider-not-usable", link="sts-exchange")
def provider_disabled(world: World) -> Iterator[Environ]:
    chain = world.chain()
    path = f"{world.pool_of(chain)}/providers/aws-provider"
    world.google.ok("PATCH", f"{path}?updateMask=disabled", {"disabled": True})
    yield chain


@staged("the provider is deleted", failure="provider-not-usable", link="sts-exchange", says="deleted")
def provider_deleted(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("DELETE", f"{world.pool_of(chain)}/providers/aws-provider")
    yield chain


@staged("there is no such provider", failure="provider-not-usable", link="sts-exchange", says="missing")
def provider_missing(world: World) -> Iterator[Environ]:
    chain = world.chain()
    yield {**chain, "KEYLESS_AUDIENCE": chain["KEYLESS_AUDIENCE"].replace("aws-provider", "other")}


@staged("the pool is disabled", failure="provider-not-usable", link="sts-exchange", says="disabled")
def pool_disabled(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("PATCH", f"{world.pool_of(chain)}?updateMask=disabled", {"disabled": True})
    yield chain


@staged("the pool is deleted", failure="provider-not-usable", link="sts-exchange")
def pool_deleted(world: World) -> Iterator[Environ]:
    chain = world.chain()
    world.google.ok("DELETE", world.pool_of(chain))
    yield chain


@staged("there is no such pool", failure="provider-not-usable", link="sts-exchange")
def pool_missing(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_AUDIENCE": audience("no-such-pool")})


@staged("the number of another project", failure="provider-not-usable", link="sts-exchange")
def other_project(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_AUDIENCE": audience("pool-001", project="999999999999")})


@staged("another AWS account", failure="aws-account-not-trusted", link="sts-exchange", says=ACCOUNT)
def other_account(world: World) -> Iterator[Environ]:
    yield world.chain(account="999988887777")


@staged("the same, where AWS cannot be asked", failure="aws-not-confirmed", link="sts-exchange", says="does not trust")
def other_account_without_aws(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ENDPOINT_URL": NOWHERE}, account="999988887777")


@staged("a subject over 127 bytes", failure="subject-too-long", link="sts-exchange", says="88 bytes")
def long_subject(world: World) -> Iterator[Environ]:
    yield world.chain(condition="true", keys=world.session(LONG, "f" * 24))


@staged("what is said of it before", failure="subject-may-be-too-long", link="identity", verdict="warning", says="128")
def long_subject_ahead(world: World) -> Iterator[Environ]:
    yield world.chain(condition="true", keys=world.session(LONG, "f" * 24))


@staged("the Security Token Service API is off", failure="sts-api-disabled", link="sts-exchange")
def sts_off(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with disabled(world, "sts.googleapis.com"):
        yield chain


@staged("exchanges over the quota", failure="quota-exceeded", link="sts-exchange", says="Quota exceeded")
def exchangequota(world: World) -> Iterator[Environ]:
    chain = world.chain()
    with quota(world, "ExchangeToken"):
        yield chain
