"""What befalls a stack in its life: brakes, Google that is away, operations that fail, events that come twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.auth.exceptions import RefreshError

from functions.gcp_federation.cloudformation import MARGIN
from functions.gcp_federation.handler import handle
from keyless_federation.model.federation import Federation
from tests.local.federation_properties import account, provider
from tests.local.federation_stack import Stack
from tests.local.invocation import CloudFormation, LambdaContext, Told, untold
from tests.local.local_google import PROJECT, LocalGoogle
from tests.local.proxy import Proxy

NOWHERE = "http://127.0.0.1:9"
LEAVE = 'on_unreachable="leave" (docs/delete.md)'


def refused(status: int) -> Callable[[str, str], tuple[int, dict[str, Any]]]:
    """Google's answer to everybody, from now on."""
    return lambda method, path: (status, {"error": {"code": status, "status": "REFUSED", "message": "No."}})


def disabled(stack: Stack, what: str, value: str | None) -> Stack:
    """The stack, with a brake on its pool or provider pulled, released or not spoken of."""
    usual = {"Pool": {"Id": f"pool-{stack.name}"}, "Provider": provider(stack.name, f"{stack.name}-role")}
    return stack.change(**{what: {**usual[what], **({"Disabled": value} if value else {})}})


@pytest.mark.parametrize("what", ["Pool", "Provider"])
def test_a_brake_that_the_stack_pulled_it_also_releases(google: LocalGoogle, proxy: Proxy, what: str) -> None:
    stack = Stack(google, f"brake-{what.lower()}", endpoint=proxy.url)
    stack.succeed("Create")
    thing = stack.pool if what == "Pool" else stack.provider
    assert disabled(stack, what, "true").succeed("Update") == 1
    assert google.call("GET", thing)["disabled"] is True
    disabled(stack, what, None).succeed("Update")
    assert "disabled" not in google.call("GET", thing)
    assert stack.succeed("Update") == 0


@pytest.mark.parametrize("what", ["Pool", "Provider"])
def test_a_brake_that_a_person_pulled_is_released_when_asked_for(google: LocalGoogle, what: str) -> None:
    stack = Stack(google, f"by-hand-{what.lower()}")
    stack.succeed("Create")
    thing = stack.pool if what == "Pool" else stack.provider
    google.call("PATCH", thing, {"disabled": True}, updateMask="disabled")
    assert stack.succeed("Update") == 0
    assert google.call("GET", thing)["disabled"] is True
    assert disabled(stack, what, "false").succeed("Update") == 1
    assert "disabled" not in google.call("GET", thing)


def test_what_is_made_disabled_lets_nobody_in_from_the_start(google: LocalGoogle) -> None:
    stack = disabled(disabled(Stack(google, "shut"), "Provider", "true"), "Pool", "true")
    stack.succeed("Create")
    assert google.call("GET", stack.pool)["disabled"] is google.call("GET", stack.provider)["disabled"] is True


def test_an_opening_resource_pulls_the_brake_before_it_makes_anything(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "first", endpoint=proxy.url).change(Phase="open")
    stack.succeed("Create")
    more = [account("aws-first", "first-role"), account("aws-first-2", "first-role")]
    before = len(proxy.writes())
    disabled(stack, "Provider", "true").change(ServiceAccounts=more).succeed("Update")
    assert proxy.writes()[before] == ("PATCH", f"/{stack.provider}")


@pytest.mark.parametrize("status", [401, 403, 503])
def test_a_deletion_that_google_refuses_says_how_to_let_the_stack_go(
    google: LocalGoogle, proxy: Proxy, status: int
) -> None:
    stack = Stack(google, f"refused-{status}")
    direct = [{"AwsRoles": ["straight-role"], "Grants": [{"Role": "roles/logging.logWriter"}]}]
    stack.change(Direct=direct).succeed("Create")
    in_time, stack.seconds = stack.seconds, MARGIN + 2
    stack.endpoint, proxy.fault = proxy.url, refused(status)
    assert LEAVE in stack.fail("Delete")
    answer = stack.change(OnUnreachable="leave").send("Delete")
    assert answer["Status"] == "SUCCESS"
    pool = f"pool-{stack.name}"
    for what in (f"the provider {pool}/provider-{stack.name}", f"the pool {pool}", stack.email, "to straight-role"):
        assert what in answer["Data"]["Left"]
    assert google.find(stack.account) is not None
    stack.endpoint, stack.seconds = google.url, in_time
    stack.succeed("Delete")
    assert google.find(stack.account) is None


def test_what_was_left_is_taken_up_by_a_stack_of_the_same_name(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "returning").change(OnUnreachable="leave")
    stack.succeed("Create")
    unique_id = google.call("GET", stack.account)["uniqueId"]
    stack.endpoint, proxy.fault = proxy.url, refused(403)
    stack.succeed("Delete")
    stack.physical_id, stack.endpoint = None, google.url
    assert stack.succeed("Create") == 0
    assert google.call("GET", stack.account)["uniqueId"] == unique_id
    stack.succeed("Delete")
    assert google.find(stack.account) is None


def test_a_deletion_is_not_excused_for_what_google_says_no_to(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "no-excuse").change(OnUnreachable="leave")
    stack.succeed("Create")
    stack.endpoint, proxy.fault = proxy.url, refused(400)
    assert LEAVE not in stack.fail("Delete")


def test_a_deletion_whose_bootstrap_is_gone_may_go_too(google: LocalGoogle, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Any:
        raise RefreshError("sts-exchange failed")

    stack = Stack(google, "orphan")
    stack.succeed("Create")
    event = {
        "RequestType": "Delete",
        "RequestId": "r",
        "StackId": "s",
        "LogicalResourceId": "l",
        "PhysicalResourceId": stack.physical_id,
    }
    statuses = []
    for properties in (stack.properties(), {**stack.properties(), "OnUnreachable": "leave"}):
        with CloudFormation().listening() as cloudformation:
            handle(
                {**event, "ResponseURL": cloudformation.url, "ResourceProperties": properties},
                LambdaContext(),
                broken,
                untold,
            )
        statuses.append(cloudformation.answers[0]["Status"])
    assert statuses == ["FAILED", "SUCCESS"]
    assert f"Left in the project {PROJECT}" in caplog.text


def test_letting_go_can_be_allowed_while_google_is_away(google: LocalGoogle) -> None:
    for phase in ("open", "settle"):
        stack = Stack(google, f"away-{phase}").change(Phase=phase, Reconcile="1")
        stack.succeed("Create")
        stack.endpoint = NOWHERE
        assert stack.change(OnUnreachable="leave", Reconcile="2").succeed("Update") == 0
        assert stack.old is not None
        assert stack.old["OnUnreachable"] == "leave"


def test_an_update_that_changes_more_does_its_work(google: LocalGoogle) -> None:
    stack = Stack(google, "also")
    stack.succeed("Create")
    stack.change(OnUnreachable="leave", ServiceAccounts=[account("aws-also", "also-role", grants=())])
    assert stack.succeed("Update") == 1


def test_bad_properties_are_told_even_when_only_letting_go_changes(google: LocalGoogle) -> None:
    stack = Stack(google, "typo")
    stack.succeed("Create")
    assert "OnUnreachable is 'leaf', but must be fail or leave" in stack.change(OnUnreachable="leaf").fail("Update")


def test_a_deployment_that_asks_for_it_mends_drift(google: LocalGoogle) -> None:
    stack = Stack(google, "asked").change(Reconcile="2026-01-01T00:00:00")
    stack.succeed("Create")
    google.call("DELETE", stack.account)
    assert stack.change(Reconcile="2026-01-02T00:00:00").succeed("Update") > 0
    assert google.find(stack.account) is not None
    assert stack.change(Reconcile="2026-01-03T00:00:00").succeed("Update") == 0


def operation(proxy: Proxy, end: str, answer: dict[str, Any]) -> None:
    """Google starts an operation for each request that ends so, and this is what becomes of it."""
    name = f"projects/{PROJECT}/locations/global/workloadIdentityPools/x/operations/1"
    started = {"name": name, **({} if "error" in answer else {"done": False}), **answer}
    proxy.fault = lambda method, path: (
        (200, started) if (method == "POST" and path.endswith(end)) or "/operations/" in path else None
    )


@pytest.mark.parametrize("end", ["services:batchEnable", "/workloadIdentityPools", "/providers"])
def test_an_operation_that_fails_is_told_and_converges_afterwards(google: LocalGoogle, proxy: Proxy, end: str) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/storage.googleapis.com:disable", {})
    stack = Stack(google, f"lro{end[1:6].lower()}", endpoint=proxy.url)
    stack.change(Apis=["iam.googleapis.com", "storage.googleapis.com"])
    operation(proxy, end, {"done": True, "error": {"code": 13, "message": "Internal error encountered."}})
    assert "Internal error encountered." in stack.fail("Create")
    proxy.fault = lambda method, path: None
    stack.succeed("Create")
    assert stack.succeed("Update") == 0


@pytest.mark.parametrize("end", ["services:batchEnable", "/workloadIdentityPools", "/providers"])
def test_an_operation_that_never_ends_is_answered_in_time(google: LocalGoogle, proxy: Proxy, end: str) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/storage.googleapis.com:disable", {})
    stack = Stack(google, f"hung{end[1:6].lower()}", endpoint=proxy.url, seconds=MARGIN + 3)
    stack.change(Apis=["iam.googleapis.com", "storage.googleapis.com"])
    operation(proxy, end, {})
    assert "in time" in stack.fail("Create")
    stack.endpoint, stack.seconds = google.url, 120.0
    stack.succeed("Delete")
    assert google.find(stack.account) is None


def test_an_event_that_comes_twice_changes_nothing_the_second_time(google: LocalGoogle) -> None:
    stack = Stack(google, "again")
    stack.succeed("Create")
    stack.physical_id = None  # as Create has none
    assert stack.succeed("Create") == 0
    old = stack.properties()
    stack.change(ServiceAccounts=[account("aws-again-2", "again-role")]).succeed("Update")
    assert stack.succeed("Update", OldResourceProperties=old) == 0
    stack.succeed("Delete")
    assert stack.succeed("Delete") == 0


def test_a_request_that_nobody_waits_for_changes_nothing(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "late", endpoint=proxy.url)
    with CloudFormation().listening() as cloudformation:
        event = {
            "RequestType": "Create",
            "RequestId": "r",
            "StackId": "s",
            "LogicalResourceId": "l",
            "ResponseURL": cloudformation.url,
            "ResourceProperties": stack.properties(),
        }
        at_rest = Told("CREATE_COMPLETE")
        handle(event, LambdaContext(), lambda: pytest.fail("Google was asked"), lambda stack_id, function_arn: at_rest)
    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"  # which nobody reads, or tells somebody who waits that nothing was done
    told = "CloudFormation no longer waits for this Create (stack status CREATE_COMPLETE). Nothing was changed."
    assert told in answer["Reason"]
    assert proxy.calls == []


def test_deleting_what_was_removed_by_hand_is_fine(google: LocalGoogle) -> None:
    stack = Stack(google, "by-hand").change(Pool={"Id": "pool-by-hand", "Retain": "false"})
    stack.succeed("Create")
    member = stack.member
    for thing in (stack.account, stack.provider, stack.pool):
        google.call("DELETE", thing)
    stack.succeed("Delete")
    assert member not in json.dumps(sorted(google.members()))


def test_a_name_that_cloudformation_invented_finds_what_was_made(google: LocalGoogle) -> None:
    stack = Stack(google, "invented")
    stack.succeed("Create")
    stack.physical_id = "demo-GoogleOpen-1A2B3C4D5E6F"  # the Create's answer was never heard
    stack.succeed("Delete")
    assert google.find(stack.account) is None
    assert google.call("GET", stack.provider)["state"] == "DELETED"


def test_a_new_pool_is_there_before_the_old_one_is_left(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "moved", endpoint=proxy.url)
    stack.succeed("Create")
    old_id, old_properties, old_provider, old_principals = (
        stack.physical_id,
        stack.properties(),
        stack.provider,
        stack.principals(),
    )
    unique_id = google.call("GET", stack.account)["uniqueId"]
    stack.change(Pool={"Id": "pool-moved-2"}).succeed("Update")
    assert google.call("GET", old_provider)["state"] == "ACTIVE"
    assert {member for _, member in google.members(stack.account)} == {stack.principals()} != {old_principals}
    stack.send("Delete", PhysicalResourceId=old_id, ResourceProperties=old_properties)
    assert google.call("GET", old_provider)["state"] == "DELETED"
    assert google.call("GET", stack.provider)["state"] == "ACTIVE"
    assert google.call("GET", stack.account)["uniqueId"] == unique_id
    assert stack.succeed("Update") == 0


def test_a_federation_that_was_only_renamed_in_the_app_keeps_all_but_what_it_gave_before(google: LocalGoogle) -> None:
    old, new = Stack(google, "renamed"), Stack(google, "renamed")
    grants = ({"Role": "roles/bigquery.jobUser"}, {"Role": "roles/viewer"})
    old.change(ServiceAccounts=[account("aws-renamed", "renamed-role", "old-role", grants=grants)]).succeed("Create")
    new.succeed("Create")
    unique_id = google.call("GET", new.account)["uniqueId"]
    old.status, old.heir = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Federation.from_properties(new.properties())
    old.succeed("Delete")
    assert google.call("GET", new.account)["uniqueId"] == unique_id
    assert google.call("GET", new.provider)["attributeCondition"] == new.properties()["Provider"]["Condition"]
    assert {member for _, member in google.members(new.account)} == {new.principals()}
    assert {role for role, member in google.members() if member == new.member} == {"roles/bigquery.jobUser"}
    assert new.succeed("Update") == 0
    new.succeed("Delete")
    assert google.find(new.account) is None
