"""What a deployment that failed says: the permission that is missed, and the bootstrap's flag that gives it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from functions.gcp_federation.cloudformation import MOST_REASON
from functions.gcp_federation.remedies import reason
from keyless_cli.bootstrap.options import parse as parse_flags
from keyless_cli.bootstrap.permissions import grants_on
from keyless_federation.errors import DeadlineError, GoogleError
from keyless_federation.google.client import Request
from keyless_federation.model.federation import Federation
from keyless_federation.model.grants import Direct, Grant
from keyless_federation.model.kinds import KINDS, Form, Kind
from keyless_federation.model.resources import Account, Pool, Provider
from keyless_federation.model.targets import Target, bucket, parse, project, service_account
from keyless_federation.policies import datasets, iam_policies

ENVIRON = {
    "AWS_LAMBDA_FUNCTION_NAME": "keyless-federation-dev-eu-west-1",
    "KEYLESS_SERVICE_ACCOUNT": "keyless-deployer@my-project.iam.gserviceaccount.com",
}
COMMAND = "keyless bootstrap --project my-project --account 111122223333 --stage dev --region eu-west-1"
FEDERATION = Federation(
    project="my-project",
    number="42",
    owner="111122223333/eu-west-1/demo",
    pool=Pool(id="pool", display_name="Pool", retain=True),
    provider=Provider(id="demo", display_name="Demo", aws_account="111122223333", mapping={}, condition="true"),
)
ON_RESOURCES = [kind for kind in KINDS if kind.permission not in ("resourcemanager.projects", "iam.serviceAccounts")]


def holding(*targets: Target) -> Federation:
    """The federation with a grant on each of these."""
    grants = tuple(Grant(role="roles/viewer", on=on) for on in targets)
    return replace(FEDERATION, accounts=(Account(name="reader", display_name="", grants=grants),))


def refused(request: Request, words: str = "Permission denied") -> GoogleError:
    """Google's refusal of a request."""
    return GoogleError(403, "PERMISSION_DENIED", words, attempted=request.what, needs=request.needs)


def target_of(kind: Kind, owner: str) -> Target:
    """Some resource of a kind in a project."""
    path = kind.pattern.replace("projects/*", f"projects/{owner}").replace("*", "thing")
    return parse(f"//{kind.service}.googleapis.com/{path}")


def requests(on: Target) -> list[Request]:
    """What reads and writes its policy."""
    dialect = datasets if on.kind.form is Form.ACCESS else iam_policies
    return [dialect.reading(on), dialect.writing(on, {"access": [], "etag": "e"}, "roles/viewer for x")]


def flags_in(told: str) -> list[str]:
    """The flags of the command that is told, as the bootstrap reads them."""
    command = told.partition("keyless bootstrap ")[2].split()
    parse_flags(None, command)  # ends the program where they make no command
    return command


@pytest.mark.parametrize("kind", ON_RESOURCES, ids=lambda kind: kind.permission)
def test_grants_on_each_kind_of_resource_have_their_flag(kind: Kind) -> None:
    on = target_of(kind, "my-project")
    for request in requests(on):
        told = reason(refused(request), holding(on), ENVIRON)
        assert f"The deployer needs {', '.join(request.needs)}; let the bootstrap grant it: {COMMAND} " in told
        assert flags_in(told)[-2:] == ["--grants-on", kind.permission]
        assert set(request.needs) <= set(grants_on(kind.permission))


def test_every_role_that_is_not_grantable_has_its_flag() -> None:
    why = "roles/bigquery.jobUser for a; projects/my-project/roles/mine for b; roles/bigquery.jobUser for c"
    request = iam_policies.writing(project("my-project"), {"etag": "e"}, why)
    told = reason(refused(request), FEDERATION, ENVIRON)
    assert flags_in(told)[8:] == [
        *("--grantable-role", "projects/my-project/roles/mine"),
        *("--grantable-role", "roles/bigquery.jobUser"),
    ]


def test_what_every_bootstrap_gives_is_given_again_without_a_flag() -> None:
    for request in requests(service_account("other@my-project.iam.gserviceaccount.com")):
        assert reason(refused(request), FEDERATION, ENVIRON).endswith(f": {COMMAND}")
    logs = iam_policies.writing(project("my-project"), {"auditConfigs": [], "etag": "e"}, "sts.googleapis.com")
    assert reason(refused(logs), FEDERATION, ENVIRON).endswith(f": {COMMAND}")


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.service != "storage"], ids=lambda kind: kind.permission
)
def test_grants_in_another_project_are_given_there(kind: Kind) -> None:
    on = target_of(kind, "data-project")
    if kind.permission == "iam.serviceAccounts":
        on = service_account("other@data-project.iam.gserviceaccount.com")
    direct = replace(FEDERATION, direct=(Direct(aws_roles=("web",), grants=(Grant(role="roles/viewer", on=on),)),))
    for request in requests(on):
        for federation in (holding(on), direct):
            told = reason(refused(request), federation, ENVIRON)
            assert f"The deployer needs {', '.join(request.needs)} in the project data-project; " in told
            start = "--project data-project --account 111122223333 --identity-project my-project --grants-only"
            assert f"keyless bootstrap {start} " in told
            flag = "--grantable-role roles/viewer" if kind.permission == "resourcemanager.projects" else kind.permission
            assert " ".join(flags_in(told)).endswith(flag)


def test_a_project_whose_name_another_begins_with_is_another() -> None:
    request = iam_policies.reading(project("my-project"))
    assert "--grants-only" not in reason(refused(request), holding(project("my")), ENVIRON)
    assert "--grants-only" not in reason(refused(request), holding(bucket("my-project")), ENVIRON)


@pytest.mark.parametrize(
    ("deployer", "home"),
    [
        ("keyless-deployer@identities.iam.gserviceaccount.com", " --identity-project identities"),
        (
            "keyless-deployer@identities.example.com.iam.gserviceaccount.com",
            " --identity-project example.com:identities",
        ),
        ("keyless-deployer@my-project.iam.gserviceaccount.com", ""),
        ("", ""),
    ],
)
def test_the_command_knows_where_the_deployer_lives(deployer: str, home: str) -> None:
    request = requests(bucket("b"))[0]
    told = reason(refused(request), FEDERATION, {**ENVIRON, "KEYLESS_SERVICE_ACCOUNT": deployer})
    assert told.endswith(f"{COMMAND}{home} --grants-on storage.buckets")


@pytest.mark.parametrize("environ", [{}, {"AWS_LAMBDA_FUNCTION_NAME": "another-name"}])
def test_a_function_of_another_name_leaves_stage_and_region_open(environ: Mapping[str, str]) -> None:
    assert "--stage STAGE --region REGION" in reason(refused(requests(bucket("b"))[0]), FEDERATION, environ)


def test_the_command_is_never_cut_off() -> None:
    on = project("my-project")
    why = "; ".join(f"roles/bigquery.role{number} for serviceAccount:someone@example.com" for number in range(99))
    told = reason(refused(iam_policies.writing(on, {"etag": "e"}, why[:2000]), "words " * 100), FEDERATION, ENVIRON)
    assert COMMAND in told[:MOST_REASON]
    few = reason(refused(requests(bucket("b"))[1], "words " * 300), FEDERATION, ENVIRON)
    assert few.endswith("--grants-on storage.buckets")
    assert len(few) < MOST_REASON - 150


def test_a_refusal_that_was_the_last_word_before_time_was_over_has_its_remedy_too() -> None:
    error = DeadlineError("change it", refused(requests(bucket("b"))[1]))
    assert reason(error, FEDERATION, ENVIRON).endswith("--grants-on storage.buckets")


def test_other_failures_have_no_such_remedy() -> None:
    request = requests(bucket("b"))[0]
    disabled = GoogleError(403, "SERVICE_DISABLED", "not used before", attempted=request.what, needs=request.needs)
    busy = GoogleError(503, "UNAVAILABLE", "busy", attempted=request.what, needs=request.needs)
    for error in (disabled, busy, ValueError("no")):
        assert "keyless bootstrap" not in reason(error, FEDERATION, ENVIRON)
    assert reason(refused(request), None, ENVIRON) == f"{refused(request)}."
