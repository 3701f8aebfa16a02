"""The custom resource when Google fails, others interfere, or the input is bad: one answer, and a way on."""

import json
import time
from typing import Any

import pytest

from functions.gcp_federation.cloudformation import MARGIN, NEVER_CREATED
from functions.gcp_federation.handler import handle
from tests.local.federation_properties import account, provider
from tests.local.federation_stack import Stack
from tests.local.invocation import CloudFormation, LambdaContext, untold
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.proxy import Fault, Proxy

JOB_USER, ALICE = "roles/bigquery.jobUser", "user:alice@example.com"
UNAVAILABLE = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Try later."}}


def once(method: str, end: str, what: Any) -> Fault:
    """A fault at the first request of this method whose path ends so."""
    left = [what]

    def fault(found: str, path: str) -> Any:
        return left.pop() if left and found == method and path.endswith(end) else None

    return fault


def whole(google: LocalGoogle, stack: Stack) -> None:
    """Nothing is missing, and nothing is left to do."""
    stack.endpoint = google.url
    assert stack.succeed("Update") == 0
    assert len(google.members(stack.account)) == 2
    assert (JOB_USER, stack.member) in google.members()


WRITES = [
    ("POST", "services:batchEnable"),
    ("POST", "/workloadIdentityPools"),
    ("POST", "/providers"),
    ("POST", "/serviceAccounts"),
    ("POST", "gserviceaccount.com:setIamPolicy"),
    ("POST", f"{PROJECT}:setIamPolicy"),
]


@pytest.mark.parametrize(("method", "end"), WRITES)
@pytest.mark.parametrize("fault", [(503, UNAVAILABLE), (429, UNAVAILABLE), "lose"], ids=["503", "429", "lost-answer"])
def test_a_create_gets_over_a_failing_write(
    google: LocalGoogle, proxy: Proxy, method: str, end: str, fault: Any
) -> None:
    name = f"w{WRITES.index((method, end))}-{fault[0] if isinstance(fault, tuple) else fault}"
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/storage.googleapis.com:disable", {})
    stack = Stack(google, name, endpoint=proxy.url)
    stack.change(Apis=["iam.googleapis.com", "storage.googleapis.com"])
    proxy.fault = once(method, end, fault)
    stack.succeed("Create")
    assert proxy.fault(method, end) is None  # the fault was met
    whole(google, stack)


@pytest.mark.parametrize(
    ("method", "end"), [("DELETE", "/providers/provider-gone"), ("DELETE", ""), ("POST", ":setIamPolicy")]
)
def test_a_delete_gets_over_a_lost_answer(google: LocalGoogle, proxy: Proxy, method: str, end: str) -> None:
    stack = Stack(google, "gone")
    stack.succeed("Create")
    member = stack.member
    stack.endpoint, proxy.fault = proxy.url, once(method, end, "lose")
    stack.succeed("Delete")
    assert google.call("GET", stack.provider)["state"] == "DELETED"
    assert google.find(stack.account) is None
    assert not {found for _, found in google.members() if member in found}


def test_bringing_back_gets_over_a_lost_answer(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "back").change(Pool={"Id": "pool-back", "DisplayName": "Pool", "Retain": "false"})
    stack.succeed("Create")
    stack.succeed("Delete")
    stack.physical_id, stack.endpoint = None, proxy.url
    proxy.fault = lambda method, path: (
        "lose" if path.endswith(":undelete") and proxy.calls.count(proxy.calls[-1]) == 1 else None
    )
    stack.succeed("Create")
    whole(google, stack)


@pytest.mark.parametrize("unseen", ["/pool-unseen", "/provider-unseen"])
def test_what_could_not_be_seen_but_is_ours_is_brought_back(google: LocalGoogle, proxy: Proxy, unseen: str) -> None:
    stack = Stack(google, "unseen").change(Pool={"Id": "pool-unseen", "DisplayName": "Pool", "Retain": "false"})
    stack.succeed("Create")
    stack.succeed("Delete")
    stack.change(Provider=provider("unseen", "later"), ServiceAccounts=[account("aws-unseen", "later")])
    missing = {"error": {"code": 404, "status": "NOT_FOUND", "message": "Requested entity was not found."}}
    stack.physical_id, stack.endpoint, proxy.fault = None, proxy.url, once("GET", unseen, (404, missing))
    stack.succeed("Create")
    assert google.call("GET", stack.provider)["attributeCondition"] == stack.properties()["Provider"]["Condition"]
    whole(google, stack)
    stack.succeed("Delete")


def test_someone_who_changes_the_policy_at_the_same_time_loses_nothing(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "race", endpoint=proxy.url)
    proxy.fault = once("POST", f"{PROJECT}:setIamPolicy", lambda: google.bind("roles/viewer", "user:bob@example.com"))
    stack.succeed("Create")
    assert google.members() >= {("roles/viewer", "user:bob@example.com"), (JOB_USER, stack.member)}
    assert [path for _, path in proxy.writes()].count(f"/cloudresourcemanager/v1/projects/{PROJECT}:setIamPolicy") == 2


def test_someone_who_changes_a_dataset_at_the_same_time_loses_nothing(google: LocalGoogle, proxy: Proxy) -> None:
    path = google.dataset("raced")
    entry = {"role": "READER", "userByEmail": "bob@example.com"}

    def meddle() -> None:
        google.call("PATCH", path, {"access": [*google.call("GET", path)["access"], entry]})

    grant = {"Role": "roles/bigquery.dataViewer", "Dataset": "raced"}
    stack = Stack(google, "raced", endpoint=proxy.url)
    stack.change(ServiceAccounts=[account("aws-raced", "raced-role", grants=(grant,))])
    proxy.fault = once("PATCH", "/datasets/raced", meddle)
    stack.succeed("Create")
    access = google.call("GET", path)["access"]
    assert entry in access
    assert {"role": "READER", "userByEmail": stack.email} in access


@pytest.mark.parametrize("end", [end for _, end in WRITES[1:]])
def test_a_create_that_was_cut_short_is_cleared_away(google: LocalGoogle, proxy: Proxy, end: str) -> None:
    stack = Stack(google, f"cut{[path for _, path in WRITES].index(end)}", endpoint=proxy.url)
    refusal = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "No."}}
    proxy.fault = lambda method, path: (400, refusal) if method == "POST" and path.endswith(end) else None
    before = google.members()
    answer = stack.send("Create")
    assert answer["Status"] == "FAILED"
    # CloudFormation clears away under the id of the failed answer; killed earlier, under one that it invents.
    stack.endpoint, stack.physical_id = google.url, answer["PhysicalResourceId"]
    if end.endswith(":setIamPolicy"):
        stack.physical_id = "demo-GoogleOpen-1A2B3C"
    stack.succeed("Delete")
    assert google.find(stack.account) is None
    assert (google.find(stack.provider) or {"state": "DELETED"})["state"] == "DELETED"
    assert google.members() == before


def test_a_failed_update_converges_on_the_next(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "half")
    stack.succeed("Create")
    before = stack.old
    later = {"Provider": provider("half", "next"), "ServiceAccounts": [account("aws-half", "next")]}
    stack.change(**later).endpoint = proxy.url
    refusal = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "No."}}
    proxy.fault = lambda method, path: (400, refusal) if method == "PATCH" else None
    assert "No." in stack.fail("Update")
    proxy.fault = lambda method, path: None
    stack.send("Update", OldResourceProperties=before)
    assert google.members(stack.account) == {
        ("roles/iam.workloadIdentityUser", stack.principals("next")),
        ("roles/iam.serviceAccountTokenCreator", stack.principals("next")),
    }
    whole(google, stack)


@pytest.mark.parametrize(
    ("description", "told"),
    [("made by hand", "was not made by Keyless"), ("keyless:999988887777/eu-west-1/x", "belongs to the AWS account")],
)
def test_a_pool_of_others_is_not_touched(google: LocalGoogle, description: str, told: str) -> None:
    stack = Stack(google, "taken-" + description[-1])
    parent, pool_id = stack.pool.rsplit("/", 1)
    google.call("POST", parent, {"description": description}, workloadIdentityPoolId=pool_id)
    assert told in stack.fail("Create")
    assert google.find(stack.provider) is None
    stack.succeed("Delete")
    assert google.call("GET", stack.pool)["description"] == description


def test_an_account_of_others_is_neither_taken_over_nor_deleted(google: LocalGoogle) -> None:
    google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "aws-theirs"})
    stack = Stack(google, "theirs")
    google.bind(JOB_USER, stack.member)
    reason = stack.fail("Create")
    assert f"The service account {stack.email} was not made by Keyless and is not taken over" in reason
    assert google.find(stack.pool) is None
    stack.succeed("Delete")
    assert google.find(stack.account) is not None
    assert (JOB_USER, stack.member) in google.members()


def test_bad_properties_change_nothing_and_can_be_deleted(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "bad", endpoint=proxy.url).change(ProjectNumber="many", Owner="me")
    answer = stack.send("Create")
    assert answer["PhysicalResourceId"] == NEVER_CREATED
    assert "ProjectNumber is 'many'" in answer["Reason"]
    assert "Owner is 'me'" in answer["Reason"]
    stack.physical_id = NEVER_CREATED
    assert stack.send("Delete")["Status"] == "SUCCESS"
    assert proxy.calls == []


def test_another_projects_number_is_refused(google: LocalGoogle, proxy: Proxy) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    apis = ["iam.googleapis.com", "storage.googleapis.com"]  # the second is off, and not needed to look
    stack = Stack(google, "number", endpoint=proxy.url).change(ProjectNumber="1", Apis=apis)
    assert f"the number of the project {PROJECT} is 472918365047" in stack.fail("Create")
    assert proxy.writes() == []


def test_time_running_out_is_answered_with_what_was_going_on(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "late", endpoint=proxy.url, seconds=MARGIN + 3)
    proxy.fault = lambda method, path: (503, UNAVAILABLE)
    started = time.monotonic()
    reason = stack.fail("Create")
    assert time.monotonic() - started < MARGIN + 3
    assert "in time. Google answered 503 UNAVAILABLE: Try later." in reason


def test_google_that_never_answers_is_told_before_the_lambda_ends(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "mute", endpoint=proxy.url, seconds=MARGIN + 2)
    hang = iter([lambda: time.sleep(4)])
    proxy.fault = lambda method, path: next(hang, None)
    started = time.monotonic()
    assert stack.fail("Create")
    assert time.monotonic() - started < MARGIN + 2


def test_a_create_that_ran_out_of_time_is_cleared_away(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "slow", endpoint=proxy.url, seconds=MARGIN + 6)
    hang = iter([lambda: time.sleep(8)])
    proxy.fault = lambda method, path: next(hang, None) if path.endswith("gserviceaccount.com:setIamPolicy") else None
    answer = stack.send("Create")
    assert answer["Status"] == "FAILED"
    assert google.find(stack.account)
    stack.endpoint, stack.physical_id = google.url, answer["PhysicalResourceId"]
    stack.succeed("Delete")
    assert google.find(stack.account) is None
    assert google.call("GET", stack.provider)["state"] == "DELETED"


def test_a_missing_permission_is_told_with_the_command_that_grants_it(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "denied", endpoint=proxy.url)
    words = "Permission 'resourcemanager.projects.setIamPolicy' denied on resource."
    denial = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": words}}
    proxy.fault = lambda method, path: (403, denial) if path.endswith(f"{PROJECT}:setIamPolicy") else None
    reason = stack.fail("Create")
    assert words in reason
    assert (
        "The deployer needs resourcemanager.projects.setIamPolicy; let the bootstrap grant it: "
        f"keyless bootstrap --project {PROJECT} --account 111122223333 --stage dev --region eu-west-1 "
        "--grantable-role roles/bigquery.jobUser"
    ) in reason


def test_a_chain_that_is_not_there_is_told_with_the_bootstrap_to_run(google: LocalGoogle) -> None:
    import keyless.errors
    from keyless import failures

    failure = failures.find("provider-not-usable")

    def broken() -> Any:
        raise keyless.errors.ExchangeError("//iam.googleapis.com/x", failure, status=400)

    stack = Stack(google, "chain")
    with CloudFormation().listening() as cloudformation:
        event = {
            "RequestType": "Create",
            "RequestId": "r",
            "StackId": "s",
            "LogicalResourceId": "l",
            "ResponseURL": cloudformation.url,
            "ResourceProperties": stack.properties(),
        }
        handle(event, LambdaContext(), broken, untold)
    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert f"sts-exchange failed for //iam.googleapis.com/x: {failure.cause}" in answer["Reason"]
    assert "keyless bootstrap --project keyless-local --account 111122223333" in answer["Reason"]


def test_no_secret_is_logged_or_answered(
    google: LocalGoogle, proxy: Proxy, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = Stack(google, "secret", endpoint=proxy.url)
    answers = [stack.send("Create", statuses=[500])]
    proxy.fault = lambda method, path: (400, UNAVAILABLE)
    answers.append(stack.send("Update", statuses=[500]))
    shown = caplog.text + "".join(str(vars(record)) for record in caplog.records) + "".join(capsys.readouterr())
    assert "could not be brought about" in shown
    for secret in (google.token, "X-Amz-Signature", "deadbeef"):
        assert secret not in shown + json.dumps(answers)
