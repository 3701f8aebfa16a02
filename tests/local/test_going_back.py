"""Taking back a deployment that Google refused: the stack is never stuck, and nothing is left without a word."""

from functools import partial
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError

from functions.gcp_federation.cloudformation import MARGIN, NEVER_CREATED
from functions.gcp_federation.events import RolledBack
from functions.gcp_federation.handler import handle, settle
from keyless_federation.model.federation import Federation
from tests.local.federation_properties import account, provider
from tests.local.federation_stack import Stack
from tests.local.invocation import CloudFormation, LambdaContext, untold
from tests.local.local_google import PROJECT, BearerSession, Json, LocalGoogle
from tests.local.proxy import Fault, Proxy

JOB_USER, VIEWER = "roles/bigquery.jobUser", "roles/bigquery.dataViewer"
LEAVE = 'on_unreachable="leave" (docs/delete.md)'
INVENTED = "demo-GoogleOpen-1A2B3C"
ROLLING_BACK = "UPDATE_ROLLBACK_IN_PROGRESS"
DENIED = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "You may not."}}
MALFORMED = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "No such name can be."}}
UNBILLED = {"error": {"code": 400, "status": "FAILED_PRECONDITION", "message": "Billing must be enabled."}}
UNAVAILABLE = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "Try later."}}
LOOKS = (f"/projects/{PROJECT}", "/pool-NAME", "/provider-NAME", "/serviceAccounts", "/NAME")
HIDDEN = ("services:batchGet", *LOOKS)


def at(end: str, status: int = 403, body: Json = DENIED) -> Fault:
    """Whatever is asked of a path that ends so is refused."""
    return lambda method, path: (status, body) if path.endswith(end) else None


def writing(end: str) -> Fault:
    """A write to such a path is refused."""
    return lambda method, path: (403, DENIED) if method != "GET" and path.endswith(end) else None


def granting(stack: Stack, *datasets: str) -> Stack:
    """The stack's account may use the project and read these."""
    grants = ({"Role": JOB_USER}, *({"Role": VIEWER, "Dataset": dataset} for dataset in datasets))
    return stack.change(ServiceAccounts=[account(f"aws-{stack.name}", f"{stack.name}-role", grants=grants)])


def created(google: LocalGoogle, name: str, proxy: Proxy, **more: Any) -> Stack:
    """A stack that came about, and goes on by way of the proxy."""
    stack = Stack(google, name).change(**more)
    stack.succeed("Create")
    stack.endpoint = proxy.url
    return stack


def rolled_back(stack: Stack, properties: Json) -> Json:
    """CloudFormation takes back what it just asked for; the answer's data."""
    attempted, stack.changed, stack.status = stack.properties(), properties, ROLLING_BACK
    answer = stack.send("Update", OldResourceProperties=attempted)
    stack.status = ""
    assert answer["Status"] == "SUCCESS", answer["Reason"]
    data: Json = answer["Data"]
    return data


def told(answer: Json, *words: str) -> None:
    """All of these are told beside the success, where people and programs look."""
    assert answer["Status"] == "SUCCESS", answer["Reason"]
    for word in words:
        assert word in answer["Data"]["Left"]
        assert word in answer["Reason"]


@pytest.fixture(autouse=True, scope="module")
def _enabled(google: LocalGoogle) -> None:
    """The APIs are on: to enable them is no change that a deployment is asked about."""
    Stack(google, "first").succeed("Create")


@pytest.mark.parametrize("fault", [(403, DENIED), (400, MALFORMED)], ids=["403", "400"])
def test_a_creation_that_may_not_ask_for_its_apis_is_taken_back(
    google: LocalGoogle, proxy: Proxy, fault: tuple[int, Json]
) -> None:
    stack = Stack(google, f"apis-{fault[0]}", endpoint=proxy.url)
    proxy.fault = at("services:batchGet", *fault)
    stack.physical_id = stack.send("Create")["PhysicalResourceId"]
    assert stack.succeed("Delete") == 0


@pytest.mark.parametrize("fault", [(403, DENIED), (400, UNBILLED)], ids=["403", "400"])
def test_a_creation_that_may_not_enable_an_api_is_taken_back(
    google: LocalGoogle, proxy: Proxy, fault: tuple[int, Json]
) -> None:
    stack = Stack(google, f"off-{fault[0]}", endpoint=proxy.url)
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:disable", {})
    proxy.fault = at("services:batchEnable", *fault)
    stack.physical_id = stack.send("Create")["PhysicalResourceId"]
    told(stack.send("Delete"), "Passed over", "iam.googleapis.com")
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})


@pytest.mark.parametrize("status", [(403, DENIED), (400, MALFORMED)], ids=["403", "400"])
@pytest.mark.parametrize("end", LOOKS)
def test_a_creation_that_may_not_look_is_taken_back_though_nothing_changed(
    google: LocalGoogle, proxy: Proxy, end: str, status: tuple[int, Json]
) -> None:
    name = f"look{LOOKS.index(end)}at{status[0]}"
    google.dataset(name)
    stack = granting(Stack(google, name, endpoint=proxy.url), name)
    proxy.fault = at(end.replace("NAME", name), *status)
    answer = stack.send("Create")
    assert status[1]["error"]["message"] in answer["Reason"]
    assert answer["PhysicalResourceId"] == NEVER_CREATED
    stack.physical_id, calls = NEVER_CREATED, len(proxy.calls)
    told(stack.send("Delete"), "Passed over", status[1]["error"]["message"])
    assert len(proxy.calls) > calls  # it tried
    assert proxy.writes() == []


class Nobody(requests.Session):
    """Whom Google does not take for anybody: no bootstrap was ever made."""

    def request(self, *_: Any, **__: Any) -> requests.Response:
        """Fail as the layer does before it asks anything."""
        raise RefreshError("sts-exchange failed: the provider does not exist")


def test_a_creation_without_a_bootstrap_is_taken_back(google: LocalGoogle) -> None:
    stack, physical_id = Stack(google, "unboot"), None
    for kind, status in (("Create", "FAILED"), ("Delete", "SUCCESS")):
        with CloudFormation().listening() as cloudformation:
            event = {
                "RequestType": kind,
                "RequestId": "r",
                "StackId": "s",
                "LogicalResourceId": "l",
                "PhysicalResourceId": physical_id,
                "ResponseURL": cloudformation.url,
                "ResourceProperties": stack.properties(),
            }
            handle(event, LambdaContext(), Nobody, untold, patience=0)
        [answer] = cloudformation.answers
        assert answer["Status"] == status
        assert "sts-exchange failed" in answer["Reason"]
        physical_id = answer["PhysicalResourceId"]


@pytest.mark.parametrize("physical_id", [NEVER_CREATED, INVENTED])
def test_a_deletion_of_what_was_never_made_and_may_not_be_looked_at_is_fine(
    google: LocalGoogle, proxy: Proxy, physical_id: str
) -> None:
    stack = granting(Stack(google, "never", endpoint=proxy.url, physical_id=physical_id), "never")
    proxy.fault = at("/never")
    told(stack.send("Delete"), f"the dataset {PROJECT}.never", "You may not.")
    assert proxy.writes() == []


@pytest.mark.parametrize("fault", [(503, UNAVAILABLE), (429, UNAVAILABLE)], ids=["503", "429"])
def test_google_that_is_away_is_waited_for_even_where_nothing_was_made(
    google: LocalGoogle, proxy: Proxy, fault: tuple[int, Json]
) -> None:
    stack = Stack(google, "away", endpoint=proxy.url, physical_id=NEVER_CREATED, seconds=MARGIN + 2)
    proxy.fault = lambda method, path: fault
    assert LEAVE in stack.fail("Delete")
    proxy.fault = lambda method, path: None
    assert stack.succeed("Delete") == 0


@pytest.mark.parametrize("physical_id", [NEVER_CREATED, INVENTED])
def test_what_a_killed_creation_wrote_is_taken_away_beside_what_may_not_be_looked_at_any_more(
    google: LocalGoogle, proxy: Proxy, physical_id: str
) -> None:
    name = f"killed{len(physical_id)}"
    google.dataset(name)
    before = google.members()
    stack = granting(Stack(google, name), name)
    stack.succeed("Create")  # and Lambda was killed before it could answer
    member, stack.endpoint, stack.physical_id = stack.member, proxy.url, physical_id
    proxy.fault = at(f"/{name}")
    told(stack.send("Delete"), f"the dataset {PROJECT}.{name}", f"may be left: {VIEWER} for {member}")
    assert google.find(stack.account) is None
    assert google.call("GET", stack.provider)["state"] == "DELETED"
    assert google.members() == before


def test_a_creation_that_was_refused_half_way_leaves_nothing(google: LocalGoogle, proxy: Proxy) -> None:
    google.dataset("half_way")
    stack, before = granting(Stack(google, "half-way", endpoint=proxy.url), "half_way"), google.members()
    proxy.fault = writing("/half_way")
    answer = stack.send("Create")
    assert answer["Status"] == "FAILED"
    assert google.find(stack.account) is not None
    stack.physical_id = answer["PhysicalResourceId"]
    assert stack.succeed("Delete") > 0
    assert google.find(stack.account) is None
    assert google.call("GET", stack.provider)["state"] == "DELETED"
    assert google.members() == before


def test_what_began_to_be_written_is_not_passed_over_unless_the_stack_says_so(
    google: LocalGoogle, proxy: Proxy
) -> None:
    google.dataset("begun")
    stack = granting(Stack(google, "begun", endpoint=proxy.url), "begun")
    proxy.fault = writing("/begun")
    stack.physical_id = stack.send("Create")["PhysicalResourceId"]
    proxy.fault = at("/begun")  # the right to look is gone as well
    assert LEAVE in stack.fail("Delete")
    assert google.find(stack.account) is not None
    assert stack.change(OnUnreachable="leave").succeed("Delete") > 0
    assert google.find(stack.account) is None


def test_what_is_there_and_may_not_be_taken_away_is_not_passed_over(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "kept")
    stack.succeed("Create")
    stack.endpoint, stack.physical_id = proxy.url, INVENTED
    proxy.fault = writing("/provider-kept")
    assert LEAVE in stack.fail("Delete")
    proxy.fault = lambda method, path: None
    assert stack.succeed("Delete") > 0
    assert google.find(stack.account) is None


def test_a_wrong_project_number_is_taken_back(google: LocalGoogle, proxy: Proxy) -> None:
    stack = Stack(google, "misnumbered", endpoint=proxy.url).change(ProjectNumber="1")
    stack.physical_id = stack.send("Create")["PhysicalResourceId"]
    told(stack.send("Delete"), "ProjectNumber is 1")
    assert proxy.writes() == []


@pytest.mark.parametrize("status", [(403, DENIED), (400, MALFORMED)], ids=["403", "400"])
@pytest.mark.parametrize("phase", ["open", "settle", "whole"])
def test_an_update_that_may_not_look_at_something_new_is_rolled_back(
    google: LocalGoogle, proxy: Proxy, phase: str, status: tuple[int, Json]
) -> None:
    name = f"{phase}{status[0]}"
    google.dataset(name)
    stack = created(google, name, proxy, Phase=phase)
    before, members, properties = stack.physical_id, google.members(), stack.changed
    proxy.fault = at(f"/{name}", *status)
    granting(stack, name).change(Provider=provider(name, f"{name}-role", "next"))
    answer = stack.send("Update")
    assert status[1]["error"]["message"] in answer["Reason"]
    assert answer["PhysicalResourceId"] == before
    calls = len(proxy.writes())
    data = rolled_back(stack, properties)
    assert f"the dataset {PROJECT}.{name}" in data["Left"]
    assert data["Audience"].endswith(f"/providers/provider-{name}")
    assert len(proxy.writes()) == calls
    assert google.members() == members
    assert stack.succeed("Update") == 0


@pytest.mark.parametrize("end", HIDDEN)
def test_a_rollback_that_may_look_at_nothing_any_more_ends_as_the_update_found_it(
    google: LocalGoogle, proxy: Proxy, end: str
) -> None:
    name = f"rolled{HIDDEN.index(end)}"
    google.dataset(name)
    stack = created(google, name, proxy, **granting(Stack(google, name), name).changed)
    properties, members = stack.changed, google.members()
    proxy.fault = at(end.replace("NAME", name))
    granting(stack)
    stack.fail("Update")
    assert "You may not." in rolled_back(stack, properties)["Left"]
    assert google.members() == members
    stack.endpoint = google.url
    assert stack.succeed("Update") == 0


def test_an_update_that_is_no_rollback_does_not_pass_over_what_it_drops(google: LocalGoogle, proxy: Proxy) -> None:
    google.dataset("dropped")
    stack = created(google, "dropped", proxy, **granting(Stack(google, "dropped"), "dropped").changed)
    proxy.fault = at("/dropped")
    stack.status = "UPDATE_IN_PROGRESS"
    assert "--grants-on bigquery.datasets" in granting(stack).fail("Update")


def test_a_rollback_takes_away_the_rest_of_what_the_update_had_given(google: LocalGoogle, proxy: Proxy) -> None:
    google.dataset("rest")
    stack = created(google, "rest", proxy)
    properties = stack.changed
    grants = ({"Role": JOB_USER}, {"Role": "roles/viewer"}, {"Role": VIEWER, "Dataset": "rest"})
    stack.change(ServiceAccounts=[account("aws-rest", "rest-role", "next", grants=grants)])
    attempted = stack.properties()
    stack.succeed("Update")  # and something else of the stack failed
    stack.changed = attempted
    proxy.fault = at("/rest")
    data = rolled_back(stack, properties)
    assert f"may be left: {VIEWER} for {stack.member}" in data["Left"]
    assert ("roles/viewer", stack.member) not in google.members()
    assert not {member for _, member in google.members(stack.account) if member.endswith("/next")}


@pytest.mark.parametrize("status", [403, 404])
def test_a_rollback_waits_for_an_account_that_was_made_just_now(google: LocalGoogle, proxy: Proxy, status: int) -> None:
    stack = created(google, f"fresh{status}", proxy)
    properties = stack.changed
    google.call("DELETE", stack.account)
    stack.change(Provider=provider(stack.name, "next"), ServiceAccounts=[account(f"aws-{stack.name}", "next")])
    stack.succeed("Update")  # made anew, and something else of the stack failed
    unseen = [at(f"{stack.email}:getIamPolicy", status)] * 2
    proxy.fault = lambda method, path: unseen.pop()(method, path) if unseen and stack.email in path else None
    assert "Left" not in rolled_back(stack, properties)
    assert not unseen
    assert {member for _, member in google.members(stack.account)} == {stack.principals()}


@pytest.mark.parametrize("refused", [True, False])
def test_a_rollback_to_a_grant_on_what_is_no_more_goes_back_to_the_rest(
    google: LocalGoogle, proxy: Proxy, refused: bool
) -> None:
    name = f"perished{refused:d}"
    path = google.dataset(name)
    stack = created(google, name, proxy, **granting(Stack(google, name), name).changed)
    properties = stack.changed
    stack.change(Provider=provider(name, "next"))
    if refused:
        google.call("DELETE", path)
        assert f"{name} does not exist" in stack.fail("Update")
    else:
        granting(stack).succeed("Update")
        google.call("DELETE", path)
    assert f"The dataset {PROJECT}.{name} does not exist" in rolled_back(stack, properties)["Left"]
    assert stack.properties()["Provider"]["Condition"] == google.call("GET", stack.provider)["attributeCondition"]


def test_a_rollback_to_what_is_anothers_by_now_changes_nothing(google: LocalGoogle, proxy: Proxy) -> None:
    stack = created(google, "another", proxy)
    properties = stack.changed
    google.call("PATCH", stack.provider, {"description": "taken over by hand"}, updateMask="description")
    stack.change(Provider=provider("another", "next"))
    assert "was not made by Keyless" in stack.fail("Update")
    assert "was not made by Keyless" in rolled_back(stack, properties)["Left"]
    assert proxy.writes() == []


def test_a_rollback_does_not_insist_on_the_brake_of_a_pool_that_is_anothers(google: LocalGoogle, proxy: Proxy) -> None:
    owner = Stack(google, "puller")
    owner.succeed("Create")
    pool = owner.properties()["Pool"]
    guest = created(google, "guest", proxy, Pool={**pool, "Disabled": "false"})
    properties = guest.changed
    guest.change(Pool=pool, Provider=provider("guest", "next")).succeed("Update")  # and something else failed
    owner.change(Pool={**pool, "Disabled": "true"}).succeed("Update")
    assert "Left" not in rolled_back(guest, properties)
    assert guest.properties()["Provider"]["Condition"] == google.call("GET", guest.provider)["attributeCondition"]
    assert google.call("GET", owner.pool)["disabled"] is True


def test_an_update_to_a_project_that_may_not_be_looked_at_is_rolled_back(google: LocalGoogle, proxy: Proxy) -> None:
    stack = created(google, "moving", proxy)
    properties = stack.changed
    stack.change(Project="elsewhere-project", ProjectNumber="998877665544")
    stack.fail("Update")
    assert "elsewhere-project" in rolled_back(stack, properties)["Left"]
    stack.endpoint = google.url
    assert stack.succeed("Update") == 0


def test_what_is_made_exact_after_a_rollback_passes_over_the_same(
    google: LocalGoogle, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.dataset("exact")
    stack = created(google, "exact", proxy, Phase="open")
    wanted = Federation.from_properties({**stack.properties(), "Phase": "settle"})
    granting(stack, "exact").change(Provider=provider("exact", "exact-role", "next"))
    stack.succeed("Update")
    attempted = Federation.from_properties(stack.properties())
    proxy.fault = at("/exact")
    monkeypatch.setenv("KEYLESS_GOOGLE_ENDPOINT", proxy.url + "/{service}")
    settle([RolledBack(wanted=wanted, attempted=attempted)], LambdaContext(), partial(BearerSession, google.token))
    assert "next" not in google.call("GET", stack.provider)["attributeCondition"]
