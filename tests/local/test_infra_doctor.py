"""The clone of a deployed function: what it takes over, what it refuses, and that it goes whatever AWS does."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyless_cli.doctor.clone import QUIET
from keyless_cli.doctor.command import main
from keyless_cli.doctor.refusals import MORE_RIGHTS, RIGHTS
from tests.local.aws_lab import ACCOUNT, REGION, ROOT, archive
from tests.local.doctor_lab import CUT, ROLE, Lab, Spoiler, lab

FUNCTIONS = "/2015-03-31/functions"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A local AWS with functions to examine."""
    with lab(tmp_path_factory.mktemp("aws")) as made:
        variables = {"OWN": "kept", "PYTHONDONTWRITEBYTECODE": "1"}
        made.make("healthy", "other", "keyless", Environment={"Variables": variables}, Tags={"team": "orders"})
        yield made


@pytest.fixture(autouse=True)
def here(made: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command's environment; and afterwards there is no clone, and no log group either."""
    elsewhere = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_ROLE_ARN")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", *elsewhere):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.aws.endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("keyless_cli.doctor.aws.PAUSE", 0.01)
    yield
    assert clones(made) == []
    assert made.log_groups() == set()


@pytest.fixture
def spoiler(made: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spoiler]:
    """AWS, when it has a bad day."""
    with Spoiler(made.aws.port).running() as spoiler:
        monkeypatch.setenv("AWS_ENDPOINT_URL", spoiler.endpoint)
        yield spoiler


def clones(made: Lab) -> list[str]:
    """What was made by the doctor."""
    functions = made.aws.client("lambda").list_functions()["Functions"]
    return [one["FunctionName"] for one in functions if one["Description"].startswith("Keyless's doctor")]


def found(capsys: pytest.CaptureFixture[str]) -> Any:
    """The JSON that was printed."""
    return json.loads(capsys.readouterr().out)


def test_the_clone_sees_what_the_function_sees(made: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthy", "--json", "--table", "project.b.c"]) == 0
    report = found(capsys)
    variables = report["seen"]["variables"]
    assert report["function"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:healthy"
    assert report["seen"]["table"] == "project.b.c"
    assert (variables["OWN"], variables["AWS_LAMBDA_FUNCTION_NAME"]) == ("kept", "healthy"), "what outlives the clone"
    assert report["clone"].startswith("doctor-"), "a short name has no room for chance"


def test_the_exit_code_is_the_doctors(made: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    made.make("broken-link", "keyless", Environment={"Variables": {"CODE": "15", "LINK": "impersonation"}})
    assert main(["broken-link", "--verbose"]) == 15
    printed = capsys.readouterr().out
    assert "looked at, verbosely" in printed
    assert f"Google saw arn:aws:sts::{ACCOUNT}:assumed-role/reader/br-" in printed
    assert f"names the whole of arn:aws:sts::{ACCOUNT}:assumed-role/reader/broken-link" in printed


def test_a_function_as_quiet_as_a_clone_has_no_log_to_remove(made: Lab) -> None:
    quiet = {**QUIET, "LogGroup": "/aws/lambda/quiet"}
    code = {"ZipFile": archive({"handler.py": "def handler(event, context): return 'done'"})}
    made.make("quiet", "keyless", LoggingConfig=quiet, Code=code)
    assert made.aws.invoke("quiet") == "done"
    assert made.log_groups() == set()


def test_what_was_written_all_the_same_goes_with_the_clone(made: Lab, spoiler: Spoiler) -> None:
    made.make("talkative", "keyless", Environment={"Variables": {"SAY": "something"}})
    stays = (403, {"__type": "AccessDeniedException", "Message": "Not you"})
    spoiler.spoil[f"DELETE {FUNCTIONS}/"] = [stays]
    assert main(["talkative"]) == 1
    [group] = made.log_groups()
    assert group.startswith("/aws/lambda/")
    clean_up(made)
    assert main(["talkative"]) == 0
    assert made.log_groups() == set()


def test_a_version_is_examined_with_its_own_settings(made: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    functions = made.aws.client("lambda")
    made.make("versioned", "keyless", Environment={"Variables": {"OWN": "first"}})
    functions.publish_version(FunctionName="versioned")
    functions.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    functions.update_function_configuration(FunctionName="versioned", Environment={"Variables": {"OWN": "second"}})
    for name, value in (("versioned", "second"), ("versioned:1", "first"), ("versioned:live", "first")):
        assert main([name, "--json"]) == 0
        assert found(capsys)["seen"]["variables"]["OWN"] == value


@pytest.mark.parametrize("named", ["credentials.json", "/var/task/credentials.json", "./credentials.json"])
def test_files_of_the_package_that_settings_name_come_along(
    made: Lab, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"with-file-{len(named)}"
    variables = {"GOOGLE_APPLICATION_CREDENTIALS": named, "SSL_CERT_FILE": "/opt/roots.pem"}
    made.make(
        name,
        "keyless",
        files={"credentials.json": "whose", "other.json": "not asked for"},
        Environment={"Variables": variables},
    )
    assert main([name, "--json"]) == 0
    assert found(capsys)["seen"]["files"] == {"credentials.json": "whose"}


@pytest.mark.parametrize(
    ("layers", "more", "told"),
    [
        ((), {}, "It has no layer, so not Keyless's"),
        (("other",), {}, "Keyless's layer is not among the function's layers"),
        (("old",), {}, "too old: it has no doctor"),
        (("broken",), {}, "cannot be imported here"),
        (("keyless",), {"Runtime": "nodejs22.x"}, "Its runtime is nodejs22.x"),
    ],
)
def test_what_cannot_be_examined_is_told(
    made: Lab, layers: tuple[str, ...], more: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"unfit-{'-'.join([*layers, *more])}"
    made.make(name, *layers, **more)
    assert main([name]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert told in printed.err


@pytest.mark.parametrize("table", ["a.b", "p.d.t` OR 1", "p.d.t;"])
def test_what_is_no_table_is_wrong_usage(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["healthy", "--table", table])
    assert ended.value.code == 2
    assert "is not PROJECT.DATASET.TABLE" in capsys.readouterr().err


def test_a_clone_that_ends_is_told_and_goes(made: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    made.make("crashing", "keyless", Environment={"Variables": {"CRASH": "1"}})
    assert main(["crashing"]) == 1
    assert "The clone ended before it could tell: Runtime.ExitError" in capsys.readouterr().err


def test_a_clone_whose_answer_was_lost_is_used_and_goes(spoiler: Spoiler) -> None:
    spoiler.spoil[f"POST {FUNCTIONS}"] = [None]
    assert main(["healthy"]) == 0
    created = [request for request in spoiler.asked if request.rstrip("/") == f"POST {FUNCTIONS}"]
    assert len(created) == 2


def test_a_place_that_lambda_cannot_make_is_told_with_its_reason(
    spoiler: Spoiler, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = {"State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses", "StateReason": "The subnet is full."}
    spoiler.spoil[f"GET {FUNCTIONS}/doctor-"] = [(200, {"State": "Pending"}), (200, failed)]
    assert main(["healthy"]) == 1
    assert "Lambda cannot make the function's place: SubnetOutOfIPAddresses: The subnet is full." in (
        capsys.readouterr().err
    )


def test_a_clone_that_lambda_is_busy_with_is_removed_later(spoiler: Spoiler) -> None:
    busy = (409, {"__type": "ResourceConflictException", "Message": "in the following state: Pending"})
    spoiler.spoil[f"DELETE {FUNCTIONS}/"] = [busy, busy]
    assert main(["healthy"]) == 0
    assert len([request for request in spoiler.asked if request.startswith(f"DELETE {FUNCTIONS}/")]) == 3


def test_an_account_without_a_free_execution_is_told(spoiler: Spoiler, capsys: pytest.CaptureFixture[str]) -> None:
    throttled = (429, {"__type": "TooManyRequestsException", "Message": "Rate Exceeded."})
    spoiler.spoil[f"POST {FUNCTIONS}/doctor-"] = [throttled] * 3  # boto3 asks again
    assert main(["healthy"]) == 1
    assert "The account has no execution free" in capsys.readouterr().err


def test_an_answer_that_never_comes_is_told(spoiler: Spoiler, capsys: pytest.CaptureFixture[str]) -> None:
    spoiler.spoil[f"POST {FUNCTIONS}/doctor-"] = [CUT] * 3
    assert main(["healthy"]) == 1
    assert "AWS does not answer: " in capsys.readouterr().err


def test_a_tag_that_outlives_its_clone_is_passed_by(spoiler: Spoiler) -> None:
    gone = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:doctor-00000000"
    listed = {"ResourceARN": gone, "Tags": [{"Key": "keyless:doctor", "Value": "1"}]}
    spoiler.spoil["POST /"] = [(200, {"ResourceTagMappingList": [listed]})]
    assert main(["healthy"]) == 0
    assert any("doctor-00000000" in request for request in spoiler.asked)


def test_who_does_not_hear_of_it_any_more_leaves_nothing_either(made: Lab) -> None:
    heard, said = os.pipe()
    os.close(heard)  # as `2>&1 | head -1` does, or a terminal that was closed
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "keyless_cli", "doctor", "healthy"]
    process = subprocess.run(command, cwd=ROOT, env=environ, stderr=said, check=False)
    os.close(said)
    assert process.returncode == 0


def test_a_clone_that_somebody_may_still_need_is_told_of(
    made: Lab, spoiler: Spoiler, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiler.spoil[f"DELETE {FUNCTIONS}/"] = [(403, {"__type": "AccessDeniedException", "Message": "Not you"})]
    assert main(["healthy"]) == 1
    [left] = clones(made)
    capsys.readouterr()
    assert main(["--clean"]) == 0
    told = capsys.readouterr().err
    assert "No examination has left anything" not in told
    assert f"{left} may belong to a run that is still in progress" in told
    assert f"aws lambda delete-function --function-name {left}" in told
    assert clones(made) == [left]
    clean_up(made)


def test_a_clone_that_stays_is_named_with_the_commands_that_remove_it(
    made: Lab, spoiler: Spoiler, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiler.spoil[f"DELETE {FUNCTIONS}/"] = [(403, {"__type": "AccessDeniedException", "Message": "Not you"})]
    assert main(["healthy"]) == 1
    [left] = clones(made)
    assert f"aws lambda delete-function --function-name {left}" in capsys.readouterr().err
    clean_up(made)


def documented() -> dict[str, Any]:
    """The policy of docs/runbook.md, for the local account."""
    text = (ROOT / "docs" / "runbook.md").read_text()
    [policy] = re.findall(r"^```json$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for word, value in {"REGION": REGION, "ACCOUNT": ACCOUNT, "ROLE": ROLE}.items():
        policy = policy.replace(word, value)
    found: dict[str, Any] = json.loads(policy)
    return found


def actions(statement: dict[str, Any]) -> list[str]:
    """Its actions, of which JSON may hold one or a list."""
    action = statement["Action"]
    return [action] if isinstance(action, str) else list(action)


def test_the_policy_in_the_documentation_has_the_rights_that_an_error_names() -> None:
    named = {*RIGHTS, *sum(MORE_RIGHTS.values(), ())}
    assert {action for statement in documented()["Statement"] for action in actions(statement)} == named


def test_that_policy_suffices_and_a_right_that_is_missing_is_named(
    made: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    become(made, monkeypatch, documented())
    assert main(["healthy"]) == 0, capsys.readouterr().err
    for missing in RIGHTS:
        policy = documented()
        for statement in policy["Statement"]:
            statement["Action"] = [action for action in actions(statement) if action != missing] or ["sts:Nothing"]
        become(made, monkeypatch, policy)
        assert main(["healthy"]) in (1, 2)
        told = capsys.readouterr().err
        assert f"not authorized to perform: {missing}" in told
        assert all(right in told for right in (*RIGHTS, *sum(MORE_RIGHTS.values(), ())))
        clean_up(made)


def become(made: Lab, monkeypatch: pytest.MonkeyPatch, policy: dict[str, Any]) -> None:
    """Be somebody who may do what the policy allows, and nothing else."""
    iam, name = made.aws.client("iam"), "on-call"
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    if name not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))
    iam.put_role_policy(RoleName=name, PolicyName="doctor", PolicyDocument=json.dumps(policy))
    keys = made.aws.assume(name, "somebody")
    for key, value in keys.items():
        monkeypatch.setenv(key.upper(), value)


def clean_up(made: Lab) -> None:
    """Remove what was left by somebody who may not."""
    for left in clones(made):
        made.aws.client("lambda").delete_function(FunctionName=left)
    for group in made.log_groups():
        made.aws.client("logs").delete_log_group(logGroupName=group)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"AWS_DEFAULT_REGION": None}, "You must specify a region. Export AWS_DEFAULT_REGION"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Look at the region, the network and the proxy."),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "credentials. Log in first"),
    ],
    ids=["no region", "no way", "no credentials"],
)
def test_an_aws_that_cannot_even_be_asked_says_what_to_do(
    changed: dict[str, str | None],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in changed.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    assert main(["healthy"]) == 2
    assert told in capsys.readouterr().err
