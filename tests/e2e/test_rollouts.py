"""Nothing that is live is locked out, neither by a rollout nor by one that fails; what is gone is let in no more."""

from dataclasses import replace

import pytest

from local.deployment import StepFailed
from tests.e2e.rollout_app import READER, STACK, WRITER, State, Workload
from tests.e2e.rollouts import Rollouts, failures, stamps
from tests.e2e.test_links import REJECTED, new_role

IMPERSONATION = ("roles/iam.workloadIdentityUser", "roles/iam.serviceAccountTokenCreator")
RENAMED, MOVED, REMOVED = "renamed", "moved", "removed"
BASE = State(
    functions={
        RENAMED: Workload(role="renamed-role"),
        MOVED: Workload(role="moved-role"),
        REMOVED: Workload(role="removed-role"),
    }
)
NEXT = State(
    functions={
        RENAMED: Workload(role="renamed-next-role", stamp="2"),
        MOVED: Workload(role="moved-role", account=WRITER, stamp="2"),
    }
)
OTHER_NAMES = replace(
    NEXT,
    provider="rollout-other",
    accounts={READER: "aws-rollout-other-reader", WRITER: "aws-rollout-other-writer"},
)


def test_a_new_version_that_cannot_start_leaves_the_old_one_serving(rollouts: Rollouts) -> None:
    rollouts.be(BASE)
    before, version = rollouts.trust(), rollouts.version(RENAMED)
    broken = {**NEXT.functions, RENAMED: replace(NEXT.functions[RENAMED], stamp="broken")}
    failing = pytest.raises(StepFailed, match=r"FUNCTION_ERROR_INIT_FAILURE .*told to fail in init")
    with rollouts.traffic(*BASE.functions, exchange=True) as requests, failing:
        rollouts.deploy(replace(NEXT, functions=broken))
    assert failures(requests) == []
    assert {stamp for name in BASE.functions for stamp in stamps(requests, name)} <= {"1", "2"}
    assert rollouts.version(RENAMED) == version
    for name, workload in BASE.functions.items():
        assert rollouts.ask(name, exchange=True)["account"] == workload.account
    assert rollouts.trust_at_rest(before) == before


def test_an_update_that_fails_half_way_leaves_nothing_under_the_names_it_had_begun_with(rollouts: Rollouts) -> None:
    rollouts.be(BASE)
    before = rollouts.trust()
    # Roles are granted last. Google has none of this name, and says so at once; a refusal would be asked again.
    failing = pytest.raises(StepFailed, match=r"Role roles/bigquery\.nobody is not supported")
    with rollouts.traffic(*BASE.functions, exchange=True) as requests, failing:
        rollouts.deploy(replace(OTHER_NAMES, roles=(*NEXT.roles, "roles/bigquery.nobody")))
    assert failures(requests) == []
    assert {stamp for name in BASE.functions for stamp in stamps(requests, name)} == {"1"}
    assert rollouts.trust_at_rest(before) == before
    # Google keeps the name of what was made and taken back for 30 days.
    assert rollouts.providers() == {STACK: "ACTIVE", OTHER_NAMES.provider: "DELETED"}
    for name, workload in BASE.functions.items():
        assert rollouts.ask(name, exchange=True)["account"] == workload.account


def test_a_rollout_fails_no_request_and_afterwards_the_old_trust_is_gone(rollouts: Rollouts) -> None:
    rollouts.be(BASE)
    with rollouts.traffic(*BASE.functions, exchange=True) as requests:
        rollouts.deploy(NEXT)
    assert failures(requests, RENAMED, MOVED) == []
    assert stamps(requests, RENAMED) == stamps(requests, MOVED) == ["1", "2"]
    # What is removed serves as long as anything of the old state does: once it is gone, none of that answers.
    gone = next((number for number, request in enumerate(requests) if request.failure), len(requests))
    assert {request.answer["stamp"] for request in requests if request.begun > gone and request.answer} <= {"2"}
    told = [bool(request.failure) for request in requests if request.function == REMOVED]
    assert told == sorted(told), "it failed and came back"

    assert rollouts.ask(RENAMED)["account"] == READER
    assert rollouts.ask(MOVED)["account"] == WRITER
    assert rollouts.condition().endswith("attribute.aws_role in ['moved-role', 'renamed-next-role']")
    for account, role in ((READER, "renamed-next-role"), (WRITER, "moved-role")):
        assert rollouts.members(account) == {(one, role) for one in IMPERSONATION}
    chain = rollouts.chain
    for role in ("renamed-role", "removed-role"):
        refused = chain.exchange(chain.sign(chain.assume(new_role(chain, role), RENAMED)))
        assert (refused.status, refused.words) == (400, REJECTED)
