"""From an event to the handler and back: Lambda with its retries, the address that takes answers, kills."""

import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from functions.gcp_federation import handler
from functions.gcp_federation.cloudformation import ATTEMPTS, Responder
from functions.gcp_federation.events import RolledBack
from tests.local.invocation import CloudFormation, LambdaContext, Told
from tests.local.schedules.faults import CALM, Trouble
from tests.local.schedules.injection import Injection, Killed, Wire
from tests.local.schedules.world import World

Json = dict[str, Any]
BETWEEN = 400.0  # seconds from one event to the next: CloudFormation's patience with a silent one, and a while
LAMBDAS_RETRIES = 2
SECONDS = 300.0

Session = Callable[[Injection], requests.Session]


@dataclass(slots=True)
class Delivery:
    """Brings events to the real handler, over `session`, from a stack in `status`.

    `waiting` are those that come a second time, late; `late`: one was worked on. `refused`: what is asked is to be.
    """

    world: World
    ear: CloudFormation
    session: Session = Wire
    waiting: list[Json] = field(default_factory=list)
    late: bool = False
    refused: bool = False
    status: str = ""
    changes: int = 0
    calls: int = 0
    _requests: int = 0

    def send(self, event: Json, trouble: Trouble) -> Json | None:
        """CloudFormation's view: the answer, or None when none came in its time."""
        self._requests += 1
        event = {**event, "RequestId": f"request-{self._requests}", "ResponseURL": self.ear.url}
        waiting, self.waiting = self.waiting, []
        answer = self._deliver(event, trouble)
        if answer is None and (trouble.repeated or trouble.deaf >= ATTEMPTS):
            answer = self._deliver(event, CALM, "Lambda tries again")
        self.world.clock.sleep(BETWEEN)
        if trouble.twice:
            self.world.tally["delivered twice"] += 1
            self._deliver(event, CALM, "delivered twice")
        for old in waiting:
            self.world.tally["delivered late"] += 1
            self.late |= not self.status.startswith(("ROLLBACK", "DELETE"))  # then nothing must come of it
            self._deliver(old, CALM, f"delivered late, in {self.status}")
        if trouble.late:
            self.waiting.append(event)
        return answer

    def flush(self) -> None:
        """Bring what still waits: Lambda repeats within minutes, so that nothing comes in the next deployment."""
        waiting, self.waiting = self.waiting, []
        for old in waiting:
            self.status = self.status.replace("IN_PROGRESS", "COMPLETE")
            self._deliver(old, CALM, f"delivered late, in {self.status}")

    def settle(self, federation: RolledBack, trouble: Trouble) -> None:
        """EventBridge tells of a rolled-back stack, and Lambda tries again until it is done."""
        for attempt in range(1 + LAMBDAS_RETRIES):
            injection = Injection(self.world, trouble if attempt == 0 else CALM)
            self._note(injection, "EventBridge: the stack was rolled back")
            try:
                handler.settle(
                    [federation], LambdaContext(SECONDS), partial(self.session, injection), clock=self.world.clock
                )
                break
            except Killed:
                pass
            except Exception as error:
                self.world.story.append(f"    {type(error).__name__}: {error}")
        else:
            self.world.problems.append("stuck: what an update widened stays after its rollback")
        self.world.clock.sleep(BETWEEN)

    def _deliver(self, event: Json, trouble: Trouble, remark: str = "") -> Json | None:
        injection = Injection(self.world, trouble)
        who = f"{event['LogicalResourceId']} {event.get('PhysicalResourceId', '')}".strip()
        self._note(injection, f"{event['RequestType']} {who} {remark}".strip())
        self.ear.statuses, self.ear.answers = [500] * min(trouble.deaf, ATTEMPTS), []
        self.world.tally["response URL failing"] += bool(trouble.deaf)
        heard = True
        try:
            handler.handle(
                deepcopy(event),
                LambdaContext(SECONDS),
                lambda: self.session(injection),
                lambda stack_id, function_arn: Told(self.status),
                patience=0,
                clock=self.world.clock,
            )
        except Killed:
            heard = False
            _end_timers()
        except ConnectionError:
            heard = trouble.deaf < ATTEMPTS
        self.calls += len(injection.calls)
        answers, self.ear.answers, self.ear.statuses = self.ear.answers, [], []
        if any(answer["RequestId"] != event["RequestId"] for answer in answers):
            self.world.problems.append("an answer to another event")
        if len(answers) != heard:
            self.world.problems.append(f"{len(answers)} answers to {event['RequestType']}, expected {int(heard)}")
        self.world.story.append(f"    -> {[(a['Status'], a.get('Reason', a.get('Data'))) for a in answers]}")
        if (
            trouble.gentle
            and trouble != CALM
            and not self.refused
            and any(answer["Status"] != "SUCCESS" for answer in answers)
        ):
            self.world.problems.append(f"not got over: {answers[0]['Reason']}")
        self.changes += sum(int(a["Data"].get("Changes", 0)) for a in answers if a["Status"] == "SUCCESS")
        self.world.look_around()
        if answers:
            self.world.problems += _about_leaving(event, answers[0], injection)
        return answers[0] if answers else None

    def _note(self, injection: Injection, what: str) -> None:
        met = f"   [{injection.trouble}]" if injection.trouble != CALM else ""
        self.world.story += [f"  {what}{met}", injection.calls]


def _about_leaving(event: Json, answer: Json, injection: Injection) -> list[str]:
    """What is wrong with the answer to a deletion that could not reach Google, or says that it could not."""
    left = answer.get("Data", {}).get("Left", "").startswith("Left in")
    leaves = event["RequestType"] == "Delete" and event["ResourceProperties"].get("OnUnreachable") == "leave"
    unreachable = injection.unreachable
    if left and (not leaves or not injection.trouble.faults):
        return ["something was left without need"]
    if unreachable and leaves and answer["Status"] != "SUCCESS":
        return [f"a stack that was told to go could not: {answer['Reason']}"]
    if unreachable and event["RequestType"] == "Delete" and answer["Status"] != "SUCCESS":
        return [] if 'on_unreachable="leave"' in answer["Reason"] else [f"no way out is named: {answer['Reason']}"]
    return []


def _end_timers() -> None:
    """A process that is killed takes its timers with it."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and isinstance(getattr(thread.function, "__self__", None), Responder):
            thread.cancel()
