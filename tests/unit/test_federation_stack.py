"""A request is believed as far as CloudFormation tells it: what is forged, late or another's changes nothing."""

from typing import Any

import pytest

from functions.gcp_federation.cloudformation import Event, require_address
from functions.gcp_federation.events import tasks
from functions.gcp_federation.facts import Facts
from functions.gcp_federation.stack import PAUSES, Stack
from keyless_federation.errors import StaleRequestError, UnprovenRequestError
from keyless_federation.model.federation import Federation, Phase
from tests.local.federation_properties import ACCOUNT, REGION, account, provider, usual
from tests.unit import cloudformation_server as server
from tests.unit.cloudformation_server import FUNCTION, STACK_ID

OPEN, SETTLE = ({**usual("calm"), "Phase": phase} for phase in ("open", "settle"))
WIDER = {**SETTLE, "ServiceAccounts": [account("aws-calm", "calm-role", "other-role")]}
CLEANING_UP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
URL = f"https://cloudformation-custom-resource-response-{REGION.replace('-', '')}.s3-{REGION}.amazonaws.com/x?y=z"


class Clock:
    """Time that passes only here."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float, /) -> None:
        self.slept += seconds


def request(kind: str = "Update", properties: dict[str, Any] = SETTLE, **changes: Any) -> Event:
    """CloudFormation's request about the settling resource."""
    raw = {
        "RequestType": kind,
        "RequestId": "r",
        "StackId": STACK_ID,
        "LogicalResourceId": "Settle",
        "ResponseURL": URL,
        "ResourceProperties": {"ServiceToken": FUNCTION, **properties},
        **({} if kind == "Create" else {"PhysicalResourceId": Federation.from_properties(properties).physical_id}),
        **({"OldResourceProperties": {"ServiceToken": FUNCTION, **properties}} if kind == "Update" else {}),
    }
    return Event.read({**raw, **changes})


def view(stack_id: str = STACK_ID, clock: Clock | None = None) -> Stack:
    return Stack(stack_id, FUNCTION, clock or Clock())


@pytest.fixture
def calm() -> server.Stack:
    """A stack that was made, and is updating its settling resource."""
    stack = server.Stack()
    stack.tell("Open", "CREATE_COMPLETE", OPEN)
    stack.tell("Settle", "CREATE_COMPLETE", SETTLE)
    stack.tell("calm", "UPDATE_IN_PROGRESS")
    stack.tell("Settle", "UPDATE_IN_PROGRESS", SETTLE)
    return stack


def test_what_the_stack_asks_for_is_done_in_two_calls(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with calm.telling(monkeypatch):
        due = view().due(request())
    assert (due.status, due.owner) == ("UPDATE_IN_PROGRESS", f"{ACCOUNT}/{REGION}/calm")
    assert due.properties == SETTLE
    assert calm.asked == ["DescribeStacks", "DescribeStackEvents"]


def test_scalars_are_text_to_the_function_whatever_they_are_to_the_stack(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm.events[0]["ResourceProperties"] = calm.events[0]["ResourceProperties"].replace('"true"', "true")
    with calm.telling(monkeypatch):
        assert view().due(request()).properties == SETTLE


FORGED: dict[str, dict[str, Any]] = {
    "another request": {"kind": "Delete"},
    "a creation": {"kind": "Create"},
    "another resource": {"LogicalResourceId": "Other"},
    "another role": {"properties": {**SETTLE, "ServiceAccounts": [account("aws-calm", "intruder")]}},
    "another project": {"properties": {**SETTLE, "Project": "another-project"}},
    "another owner": {"properties": {**SETTLE, "Owner": f"{ACCOUNT}/{REGION}/victim"}},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_what_the_stack_does_not_ask_for_is_refused_after_patience(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    clock = Clock()
    with (
        calm.telling(monkeypatch),
        pytest.raises(UnprovenRequestError, match=r"Refused, because .*Nothing was changed"),
    ):
        view(clock=clock).due(request(**changes))
    assert sum(PAUSES) / 2 <= clock.slept <= sum(PAUSES)


def test_the_owner_is_the_stack_whatever_its_template_says(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = {**SETTLE, "Owner": f"{ACCOUNT}/{REGION}/victim"}
    calm.tell("Settle", "UPDATE_IN_PROGRESS", stolen)
    with (
        calm.telling(monkeypatch),
        pytest.raises(UnprovenRequestError, match=r"and not the owner .*/victim that it names"),
    ):
        Facts.of(request(properties=stolen), view())


def test_a_nested_stack_belongs_to_the_outermost(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    calm.root = STACK_ID.replace("/calm/", "/outermost/")
    with calm.telling(monkeypatch):
        assert view().due(request()).owner == f"{ACCOUNT}/{REGION}/outermost"


def test_a_stack_that_asks_another_function_is_not_served(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    calm.events[0]["ResourceProperties"] = calm.events[0]["ResourceProperties"].replace("-dev-", "-prod-")
    with calm.telling(monkeypatch), pytest.raises(UnprovenRequestError, match="asks another function"):
        view().due(request())


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (ACCOUNT, "999988887777"),
        (REGION, "us-east-1"),
        ("arn:aws:", "arn:aws-cn:"),
        ("/calm/", "/calm/../"),
        ("arn", "x"),
    ],
)
def test_a_stack_elsewhere_is_not_asked(was: str, now: str) -> None:
    with pytest.raises(UnprovenRequestError, match="of another account or region"):
        view(STACK_ID.replace(was, now))


def test_a_stack_at_rest_waits_for_nothing(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    calm.status = "UPDATE_COMPLETE"
    with calm.telling(monkeypatch), pytest.raises(StaleRequestError):
        view().due(request())


def test_throttling_is_waited_out_and_silence_refused(calm: server.Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    calm.silent = 5
    with calm.telling(monkeypatch):
        assert view().due(request()).status == calm.status
        calm.silent = 1000
        with pytest.raises(UnprovenRequestError, match="does not tell of the stack"):
            view().due(request())


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("amazonaws.com/", "amazonaws.com.evil.example/"),
        URL.replace("https://", "https://x@"),
        URL.replace("https://", "http://"),
        URL.replace(".amazonaws.com/", ".amazonaws.com:8443/"),
        "https://evil.example/" + URL,
        "http://127.0.0.1:1/x",
        "",
    ],
)
def test_nobody_else_is_answered(url: str) -> None:
    require_address(URL, REGION, "")
    with pytest.raises(UnprovenRequestError, match="would not go to CloudFormation"):
        require_address(url, REGION, "")


def test_a_local_aws_is_answered_where_the_function_s_aws_is_local() -> None:
    require_address("http://localhost:4566/x", REGION, "http://127.0.0.1:4566")
    with pytest.raises(UnprovenRequestError):
        require_address("http://localhost:4567/x", REGION, "http://127.0.0.1:4566")


def test_what_failed_updates_attempted_is_taken_back_by_the_next_one(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm.events[:] = calm.events[2:]  # made, and settled
    for roles in ("first-try", "second-try"):
        calm.tell("Open", "UPDATE_COMPLETE", {**OPEN, "Provider": provider("calm", "calm-role", roles)})
    calm.tell("Settle", "UPDATE_IN_PROGRESS", WIDER)
    with calm.telling(monkeypatch):
        todo = tasks(Facts.of(request(properties=WIDER, OldResourceProperties=SETTLE), view()))
    desired = Federation.from_properties(WIDER)
    assert [task.desired for task in todo] == [desired] * 3
    tried = ["'calm-role', 'second-try'", "'calm-role', 'first-try'"]
    for task, roles in zip(todo[1:], tried, strict=True):
        assert task.previous
        assert roles in task.previous.provider.condition


def test_old_properties_are_read_from_the_stack_and_of_another_owner_never(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm.tell("Settle", "UPDATE_IN_PROGRESS", WIDER)
    lie = {**SETTLE, "ServiceAccounts": [account("aws-victim", "calm-role")]}
    with calm.telling(monkeypatch):
        facts = Facts.of(request(properties=WIDER, OldResourceProperties=lie), view())
        assert facts.previous == Federation.from_properties(SETTLE)
        calm.events[:] = calm.events[:1]  # older than 90 days
        theirs = {**lie, "Owner": f"{ACCOUNT}/{REGION}/victim"}
        assert Facts.of(request(properties=WIDER, OldResourceProperties=theirs), view()).previous is None


@pytest.mark.parametrize("successor", ["told", "untold", "none"])
def test_a_resource_that_was_only_renamed_hands_over_or_fails_but_deletes_nothing(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch, successor: str
) -> None:
    settled, opened = Federation.from_properties(SETTLE).physical_id, Federation.from_properties(OPEN).physical_id
    calm.status, calm.resources = CLEANING_UP, {"Open": opened}
    if successor != "none":
        calm.resources |= {"NewOpen": opened, "NewSettle": settled}
    if successor == "told":
        calm.tell("NewSettle", "CREATE_COMPLETE", SETTLE)
    calm.tell("Open", "DELETE_IN_PROGRESS", OPEN)
    event = request("Delete", OPEN, LogicalResourceId="Open")
    with calm.telling(monkeypatch):
        facts = Facts.of(event, view())
        if successor == "untold":
            with pytest.raises(UnprovenRequestError, match="does not tell what NewSettle, which replaces it, asks for"):
                tasks(facts)
            return
        [task] = tasks(facts)
    assert task.desired.present is (successor == "told")
    assert task.desired.phase is (Phase.SETTLE if successor == "told" else Phase.OPEN)


@pytest.mark.parametrize(
    ("deleted", "changes", "status", "lives_on"),
    [
        ("OpenOfOld", {}, CLEANING_UP, True),
        ("OpenOfOld", {}, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", True),
        ("Open", {"Phase": "whole"}, CLEANING_UP, True),
        ("OpenOfOld", {"Provider": provider("other", "calm-role")}, CLEANING_UP, False),
        ("OpenOfOld", {"Project": "another-project"}, CLEANING_UP, False),
        ("OpenOfOld", {}, "DELETE_IN_PROGRESS", False),
        ("OpenOfOld", {}, "ROLLBACK_IN_PROGRESS", False),
    ],
)
def test_what_only_has_another_id_lives_on_as_what_is_settled(
    calm: server.Stack,
    monkeypatch: pytest.MonkeyPatch,
    deleted: str,
    changes: dict[str, Any],
    status: str,
    lives_on: bool,
) -> None:
    properties = {**OPEN, **changes}
    calm.status = status
    calm.resources = {"Open": Federation.from_properties(OPEN).physical_id, "Settle": request().physical_id or ""}
    calm.tell(deleted, "DELETE_IN_PROGRESS", properties)
    with calm.telling(monkeypatch):
        [task] = tasks(Facts.of(request("Delete", properties, LogicalResourceId=deleted), view()))
    assert task.desired.present is lives_on
    assert task.desired.skip_unreadable is (lives_on and "ROLLBACK" in status)


def test_after_a_rollback_what_was_attempted_is_what_the_last_update_first_asked(
    calm: server.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = {**OPEN, "Provider": provider("other", "next-role")}
    calm.tell("Open", "UPDATE_IN_PROGRESS", wider)
    calm.tell("Open", "UPDATE_COMPLETE", wider)
    calm.tell("calm", "UPDATE_ROLLBACK_IN_PROGRESS")
    calm.tell("Open", "UPDATE_IN_PROGRESS", OPEN)
    calm.tell("Open", "UPDATE_COMPLETE", OPEN)
    calm.tell("Settle", "UPDATE_COMPLETE", SETTLE)
    calm.status = "UPDATE_ROLLBACK_COMPLETE"
    with calm.telling(monkeypatch):
        [federation] = view().rolled_back()
        assert federation.wanted == Federation.from_properties(SETTLE)
        assert federation.attempted == Federation.from_properties(wider)
        calm.status = "UPDATE_IN_PROGRESS"
        assert view().rolled_back() == []  # another deployment came in between, and settles for itself
