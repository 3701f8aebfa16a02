"""Provisioned environments when Google is away while they start."""

from dataclasses import replace

from tests.e2e.rollout_app import State, Workload, answer
from tests.e2e.rollouts import Rollouts, failures, stamps

STEADY = "renamed"
BASE = State(functions={STEADY: Workload(role="renamed-role")})
NEXT = State(functions={STEADY: replace(BASE.functions[STEADY], stamp="2")})


def test_an_environment_that_started_without_google_serves_once_google_is_back(rollouts: Rollouts) -> None:
    rollouts.be(BASE)
    assert {start["warm"] for start in rollouts.started(STEADY)} == {True}
    with rollouts.traffic(STEADY) as requests, rollouts.google_stopped():
        rollouts.deploy(NEXT)  # of the function alone: the trust is as it was, and CloudFormation asks Google nothing
        cold = rollouts.started(STEADY)[-1]
        assert cold["warm"] is False
    stamped = [request.answer.get("stamp") for request in requests]
    assert failures(requests[: stamped.index("2")]) == []
    assert stamps(requests, STEADY) == ["1", "2"]
    served = rollouts.ask(STEADY)
    assert served == answer(stamp="2", process=cold["process"])
