"""keyless plan: what a deployment would do on Google, told and not done."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyless_cli.plan import main
from tests.local.aws_lab import LocalAws, local_aws
from tests.local.federation_properties import account
from tests.local.federation_stack import Stack
from tests.local.local_google import PROJECT, LocalGoogle

APIS = ["iam.googleapis.com", "bigquery.googleapis.com"]


@pytest.fixture(autouse=True)
def _as_make_up_says(google: LocalGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of build/local.env."""
    monkeypatch.setenv("GOOGLE_ENDPOINT", google.url)
    monkeypatch.setenv("GOOGLE_ADMIN_TOKEN", google.token)
    # Set and taken away, so that what the command sets is gone with the test.
    for name in ("KEYLESS_GOOGLE_ENDPOINT", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def synthesized(folder: Path, *stacks: Stack, **more: Any) -> str:
    """What `cdk synth` would write for these stacks."""
    for stack in stacks:
        resources = {
            phase: {
                "Type": "Custom::KeylessFederation",
                "Properties": {**stack.properties(), "Phase": phase, "ServiceToken": {"Ref": "Handler"}, **more},
            }
            for phase in ("open", "settle")
        }
        (folder / f"{stack.name}.template.json").write_text(json.dumps({"Resources": resources}))
    (folder / "other.template.json").write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))
    return str(folder)


def test_the_steps_of_a_new_stack_are_told_and_not_taken(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for api in APIS:
        google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/{api}:enable", {})
    stack = Stack(google, "planned")
    assert main(["--app", synthesized(tmp_path, stack)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"planned: the provider pool-planned/provider-planned of the project {PROJECT}",
        "  would create the pool pool-planned",
        "  would create the provider pool-planned/provider-planned for the AWS account 111122223333",
        f"  would create the service account {stack.email}",
        f"  would, on the service account {stack.email}: grant roles/iam.serviceAccountTokenCreator for the AWS role "
        "planned-role (pool pool-planned); grant roles/iam.workloadIdentityUser for the AWS role planned-role "
        "(pool pool-planned)",
        f"  would, on the project {PROJECT}: grant roles/bigquery.jobUser for {stack.member}",
        "5 steps to take; nothing was changed.",
    ]
    assert google.find(stack.pool) is None


def test_the_exit_code_tells_of_changes_when_asked(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(google, "coded")
    app = ["--app", synthesized(tmp_path, stack)]
    assert main([*app, "--detailed-exitcode"]) == 2
    stack.succeed("Create")
    assert main([*app, "--detailed-exitcode"]) == 0
    assert "Nothing to do: everything is as it should be." in capsys.readouterr().out


def test_what_a_destroy_would_do_is_told(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, other = Stack(google, "destroyed"), Stack(google, "kept")
    stack.succeed("Create")
    assert main(["--app", synthesized(tmp_path, stack, other), "--stack", "destroyed", "--destroy"]) == 0
    told = capsys.readouterr().out
    assert f"would delete the service account {stack.email}" in told
    assert "kept" not in told
    assert google.find(stack.account) is not None


def test_apis_that_are_off_are_told_first(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:disable", {})
    try:
        assert main(["--app", synthesized(tmp_path, Stack(google, "early")), "--detailed-exitcode"]) == 2
    finally:
        google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    told = capsys.readouterr().out
    assert f"would enable iam.googleapis.com in the project {PROJECT}" in told
    assert "... and what follows can be told once these APIs are enabled" in told


def test_a_conflict_is_told_as_it_would_be_at_deploy(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(google, "taken")
    google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "aws-taken"})
    app = ["--app", synthesized(tmp_path, stack)]
    assert main(app) == 1
    assert f"plan: The service account {stack.email} was not made by Keyless" in capsys.readouterr().err
    synthesized(tmp_path, stack, Adopt="true")
    assert main(app) == 0
    assert f"would adopt the service account {stack.email}, which was not made by Keyless" in capsys.readouterr().out


def test_a_neighbour_that_opens_the_pool_is_told_with_its_proof(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(google, "shared")
    stack.succeed("Create")
    app = ["--app", synthesized(tmp_path, stack)]
    mapping = stack.properties()["Provider"]["Mapping"]
    body = {"aws": {"accountId": "111122223333"}, "attributeMapping": mapping}
    google.call("POST", f"{stack.pool}/providers", body, workloadIdentityPoolProviderId="loose-one")
    assert main(app) == 0
    told = capsys.readouterr().out
    proof = "arn:aws:iam::111122223333:user/assumed-role/shared-role/x"
    assert f"  The provider loose-one of the same pool lets in {proof} as attribute.aws_role 'shared-role'" in told
    google.call("DELETE", f"{stack.pool}/providers/loose-one")
    assert main(app) == 0
    assert "loose-one" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "Run `npx cdk synth --quiet` first"),
        (["--stack", "none"], "No stack none with a federation. There are: alone"),
    ],
)
def test_without_an_app_it_says_how_to_get_one(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    folder = synthesized(tmp_path, Stack(google, "alone")) if options else str(tmp_path)
    assert main(["--app", folder, *options]) == 1
    assert told in capsys.readouterr().err


def test_properties_that_only_cloudformation_knows_cannot_be_planned(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesized(tmp_path, Stack(google, "late"), Project={"Ref": "Project"})
    assert main(["--app", str(tmp_path)]) == 1
    assert "Project is an object with 1 fields (not shown)" in capsys.readouterr().err


def test_a_dropped_account_is_in_the_plan(
    google: LocalGoogle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(google, "dropping")
    stack.succeed("Create")
    old = stack.email
    stack.change(ServiceAccounts=[account("aws-new-one", "dropping-role")])
    assert main(["--app", synthesized(tmp_path, stack)]) == 0
    assert f"would delete the service account {old}" in capsys.readouterr().out


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """A local AWS, as the environment says."""
    with local_aws(tmp_path) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield running


def test_what_only_the_deployed_stack_gave_is_in_the_plan_when_aws_is_asked(
    google: LocalGoogle, aws: LocalAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    google.dataset("deployed")
    grant = {"Role": "roles/bigquery.dataViewer", "Dataset": "deployed"}
    stack = Stack(google, "deployed").change(
        ServiceAccounts=[account("aws-deployed", "deployed-role", grants=(grant,))]
    )
    stack.succeed("Create")
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    synthesized(folder, stack)
    template = json.loads((folder / "deployed.template.json").read_text())
    never = {"Conditions": {"Never": {"Fn::Equals": ["a", "b"]}}}
    resources = {name: {**resource, "Condition": "Never"} for name, resource in template["Resources"].items()}
    resources["Queue"] = {"Type": "AWS::SQS::Queue"}
    body = json.dumps({**never, "Resources": resources})
    aws.client("cloudformation").create_stack(StackName="deployed", TemplateBody=body)
    assert aws.settled("deployed")["StackStatus"] == "CREATE_COMPLETE"
    app = ["--app", synthesized(folder, stack.change(ServiceAccounts=[account("aws-deployed", "deployed-role")]))]
    assert main(app) == 0
    told = capsys.readouterr().out
    assert "the dataset" not in told
    assert "does not give are told with --deployed" in told
    assert main([*app, "--deployed"]) == 0
    told = capsys.readouterr().out
    assert "would, on the dataset keyless-local.deployed: take away" in told
    assert "--deployed" not in told


def test_a_stack_that_was_never_deployed_gave_nothing(
    google: LocalGoogle, aws: LocalAws, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cdk.out"
    folder.mkdir()
    assert main(["--app", synthesized(folder, Stack(google, "never")), "--deployed"]) == 0
    assert "would create the provider pool-never/provider-never" in capsys.readouterr().out
