"""CloudFormation gets exactly one answer, whatever happens, and nobody sees where it went."""

import threading
from typing import Any

import pytest

from functions.gcp_federation.cloudformation import MARGIN, NEVER_CREATED, Event, Responder
from tests.local.federation_stack import STACK_ID
from tests.local.invocation import CloudFormation, LambdaContext

SECRET = "deadbeef"


def event(url: str, **more: Any) -> Event:
    """A Create event that is answered at `url`."""
    return Event.read(
        {
            "RequestType": "Create",
            "RequestId": "r",
            "StackId": STACK_ID,
            "LogicalResourceId": "Google",
            "ResponseURL": url,
            "ResourceProperties": {"ServiceToken": "arn", "ServiceTimeout": "60", "Project": "p"},
            **more,
        }
    )


def everything(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, with every field of every record."""
    return caplog.text + "".join(str(vars(record)) for record in caplog.records)


def test_cloudformations_own_properties_are_not_ours() -> None:
    read = event("http://x", OldResourceProperties={"ServiceToken": "arn", "Project": "q"})
    assert (read.properties, read.old_properties) == ({"Project": "p"}, {"Project": "q"})
    assert event("http://x").old_properties is None


def test_the_signed_url_is_not_shown() -> None:
    assert SECRET not in repr(event(f"http://x?X-Amz-Signature={SECRET}"))


def test_an_answer_carries_the_identity_of_its_event() -> None:
    with CloudFormation().listening() as cloudformation:
        responder = Responder(event(cloudformation.url), LambdaContext())
        responder.physical_id = "p/q/r"
        responder.succeed({"Audience": "a"})
    assert cloudformation.answers == [
        {
            "Status": "SUCCESS",
            "PhysicalResourceId": "p/q/r",
            "Data": {"Audience": "a"},
            "StackId": STACK_ID,
            "RequestId": "r",
            "LogicalResourceId": "Google",
        }
    ]


def test_only_the_first_answer_is_given() -> None:
    with CloudFormation().listening() as cloudformation:
        responder = Responder(event(cloudformation.url), LambdaContext())
        responder.fail("first")
        responder.succeed()
    [answer] = cloudformation.answers
    assert answer["Status"] == "FAILED"


def test_a_long_reason_is_cut_before_the_place_to_read_more() -> None:
    with CloudFormation().listening() as cloudformation:
        Responder(event(cloudformation.url), LambdaContext()).fail("x" * 5000)
    [answer] = cloudformation.answers
    assert len(answer["Reason"]) == 1024
    assert answer["Reason"].endswith("(log stream 2026/01/01/[$LATEST]stream, request 11112222-request)")


def test_a_reason_in_another_script_still_fits_the_body() -> None:
    with CloudFormation().listening() as cloudformation:  # which refuses a body of more than 4,096 bytes
        Responder(event(cloudformation.url), LambdaContext()).fail("\N{SNOWMAN}" * 5000)
    assert len(cloudformation.answers) == 1


def test_what_is_left_in_another_script_still_fits_the_body() -> None:
    with CloudFormation().listening() as cloudformation:
        told = "\N{SNOWMAN}" * 2000
        Responder(event(cloudformation.url), LambdaContext()).succeed({"Audience": "a", "Left": told}, told)
    [answer] = cloudformation.answers
    assert answer["Data"]["Audience"] == "a"
    assert answer["Reason"]
    assert answer["Data"]["Left"]


def test_the_answer_is_tried_again_without_a_trace_of_the_url(caplog: pytest.LogCaptureFixture) -> None:
    with CloudFormation([500, 503]).listening() as cloudformation:
        Responder(event(cloudformation.url), LambdaContext()).succeed()
    assert (len(cloudformation.answers), cloudformation.puts) == (1, 3)
    shown = everything(caplog)
    assert "did not take the answer" in shown
    assert SECRET not in shown


def test_when_nobody_listens_the_invocation_fails_so_that_lambda_repeats_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(ConnectionError, match="Could not send the response") as failure:
        Responder(event(f"http://127.0.0.1:9/?X-Amz-Signature={SECRET}"), LambdaContext()).succeed()
    assert failure.value.__context__ is None
    assert SECRET not in everything(caplog)


@pytest.mark.parametrize(("physical_id", "told"), [(None, NEVER_CREATED), ("p/q/r", "p/q/r")])
def test_time_running_out_is_answered_before_the_lambda_ends(
    physical_id: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers = []

    class Timer(threading.Timer):
        def start(self) -> None:
            timers.append(self.interval)
            super().start()

    monkeypatch.setattr(threading, "Timer", Timer)
    more = {"PhysicalResourceId": physical_id} if physical_id else {}
    with CloudFormation().listening() as cloudformation:
        responder = Responder(event(cloudformation.url, **more), LambdaContext(seconds=MARGIN + 0.2))
        assert cloudformation.answered.wait(60)
        responder.succeed()
    assert timers == [pytest.approx(0.2)], "the margin is left when the answer is given"
    [answer] = cloudformation.answers
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", told)
    assert "did not end in time" in answer["Reason"]


def test_nothing_is_left_running_after_an_answer() -> None:
    with CloudFormation().listening() as cloudformation:
        Responder(event(cloudformation.url), LambdaContext()).succeed()
    for timer in [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]:
        timer.join(60)  # one that was canceled ends at once; the others would run for two minutes
        assert not timer.is_alive()
