"""What breaks on AWS's side: the settings that came from there, its credentials, whose they are."""

import json
from collections.abc import Iterator

from tests.local.doctor_servers import answering
from tests.local.doctor_staging import staged
from tests.local.doctor_world import NAMES, NOWHERE, ROLE, Environ, World
from tests.local.exec_world import Build
from tests.local.google_fixtures import PROJECT

CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}


@staged("no variable is set", failure="settings-invalid", link="configuration", how="machine", says="KEYLESS_AUDIENCE")
def nothing_set(world: World) -> Iterator[Environ]:
    yield {"AWS_REGION": "eu-central-1"}


@staged(
    "the project's ID for its number", failure="project-id-instead-of-number", link="configuration",
    says=f"`gcloud projects describe {PROJECT} --format='value(projectNumber)'` and compare",
)  # fmt: skip
def id_for_number(world: World) -> Iterator[Environ]:
    whole = world.chain()
    yield {**whole, "KEYLESS_AUDIENCE": whole["KEYLESS_AUDIENCE"].replace("472918365047", PROJECT)}


@staged("the project's name for its ID", failure="settings-invalid", link="configuration", says="a text of 10")
def name_for_project(world: World) -> Iterator[Environ]:
    yield world.chain({"GOOGLE_CLOUD_PROJECT": "My Project"})


@staged("an audience that is none", failure="audience-malformed", link="configuration")
def malformed_audience(world: World) -> Iterator[Environ]:
    yield world.chain({"KEYLESS_AUDIENCE": "https://iam.googleapis.com/aws-pool"})


@staged(
    "a service-account key", failure="credential-file-invalid", link="configuration", says="holds a service-account key"
)
def key_file(world: World) -> Iterator[Environ]:
    file = world.folder / "key.json"
    file.write_text(json.dumps({"type": "service_account", "private_key": "key-of-no-one-at-all"}))
    yield world.chain({"KEYLESS_AUDIENCE": "", "GOOGLE_APPLICATION_CREDENTIALS": str(file)})


@staged("no keys in variables", failure="aws-keys-missing", link="aws-credentials", says="AWS_ACCESS_KEY_ID")
def no_keys(world: World) -> Iterator[Environ]:
    yield world.chain({**NO_KEYS})


@staged("no keys on Lambda", failure="aws-keys-missing-on-lambda", link="aws-credentials", says="wrapper script")
def no_keys_on_lambda(world: World) -> Iterator[Environ]:
    yield world.chain({**NO_KEYS, "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13"})


@staged("no region", failure="aws-region-missing", link="aws-credentials")
def no_region(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_REGION": ""})


@staged("a region of China", failure="aws-region-of-another-partition", link="aws-credentials", says="cn-north-1")
def china(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_REGION": "cn-north-1"})


@staged("a region that is none", failure="aws-region-malformed", link="aws-credentials", says="AWS_REGION, a text of 9")
def no_such_region(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_REGION": "Frankfurt"})


@staged(
    "container credentials refused", failure="container-refused", link="aws-credentials", says="no role", how="words"
)
def container_refuses(world: World) -> Iterator[Environ]:
    with answering(403, b'{"code": "AccessDenied", "message": "no role"}') as at:
        yield world.chain({**NO_KEYS, CONTAINER: at})


@staged("the container endpoint fails", failure="container-endpoint-error", link="aws-credentials", how="words")
def container_ails(world: World) -> Iterator[Environ]:
    with answering(500, b"{}") as at:
        yield world.chain({**NO_KEYS, CONTAINER: at})


@staged(
    "the container endpoint says nonsense", failure="container-response-malformed", link="aws-credentials", how="words"
)
def container_says_nonsense(world: World) -> Iterator[Environ]:
    with answering(200, b"<html>") as at:
        yield world.chain({**NO_KEYS, CONTAINER: at})


@staged("nobody at the container endpoint", failure="container-unreachable", link="aws-credentials", how="machine")
def container_is_away(world: World) -> Iterator[Environ]:
    yield world.chain({**NO_KEYS, CONTAINER: NOWHERE})


@staged("a container endpoint elsewhere", failure="container-address-not-allowed", link="aws-credentials")
def container_elsewhere(world: World) -> Iterator[Environ]:
    yield world.chain({**NO_KEYS, CONTAINER: "http://192.0.2.1/"})


@staged(
    "no token file for the endpoint",
    failure="container-token-file-unreadable",
    link="aws-credentials",
    says="FileNotFound",
)
def no_token_file(world: World) -> Iterator[Environ]:
    file = str(world.folder / "no-such-file")
    yield world.chain({**NO_KEYS, CONTAINER: NOWHERE, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": file})


@staged("a token of two lines", failure="container-token-malformed", link="aws-credentials")
def token_of_two_lines(world: World) -> Iterator[Environ]:
    yield world.chain({**NO_KEYS, CONTAINER: NOWHERE, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "one-of-two\nlines"})


@staged("a wrong secret", failure="aws-credentials-refused", link="aws-credentials", says="SignatureDoesNotMatch")
def wrong_secret(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_SECRET_ACCESS_KEY": "w" * 40})


@staged("a session token of other keys", failure="aws-credentials-refused", link="aws-credentials")
def mixed_keys(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ACCESS_KEY_ID": world.session(ROLE, "other")["AWS_ACCESS_KEY_ID"]})


@staged("credentials that have expired", failure="aws-credentials-expired", link="aws-credentials", says="ExpiredToken")
def expired(world: World) -> Iterator[Environ]:
    yield world.chain(keys=_expired(world))


@staged("after a SnapStart restore, the snapshot's credentials", failure="snapstart-restore", link="aws-credentials")
def restored(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}, keys=_expired(world))


@staged("STS is off in the region", failure="aws-region-disabled", link="aws-credentials", how="words")
def region_off(world: World) -> Iterator[Environ]:
    refusal = (
        b"<Error><Code>RegionDisabledException</Code><Message>STS is not activated in this region</Message></Error>"
    )
    with answering(403, refusal) as at:
        yield world.chain({"AWS_ENDPOINT_URL": at})


@staged("AWS's STS cannot be reached", failure="aws-unreachable", link="identity", verdict="warning", how="machine")
def aws_away(world: World) -> Iterator[Environ]:
    yield world.chain({"AWS_ENDPOINT_URL": NOWHERE})


@staged("keys of a user", failure="caller-not-a-role", link="identity", verdict="warning", says=":user/")
def user_keys(world: World) -> Iterator[Environ]:
    world.client("iam").create_user(UserName="somebody")
    made = world.client("iam").create_access_key(UserName="somebody")["AccessKey"]
    yield world.chain(keys={f"AWS_{NAMES[name]}": made[name] for name in ("AccessKeyId", "SecretAccessKey")})


def _expired(world: World) -> Environ:
    """Keys of a session that was short, and is over."""
    world.session()  # for the role to be there
    build = Build(world.aws, lifetime=1)
    made = build.assume()
    build.wait_until_ended(made)
    return {f"AWS_{name}": made[theirs] for theirs, name in NAMES.items()}
