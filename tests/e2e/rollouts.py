"""Deploying state after state while requests keep coming, and looking at Google's side of the trust afterwards."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local.clouds import ACCOUNT, PROJECT
from local.deployment import STAGE, Deployment
from local.invoke import InvocationFailed, client, invoke
from tests.e2e.chain import Chain
from tests.e2e.rollout_app import STACK, State

POOL = f"projects/{PROJECT}/locations/global/workloadIdentityPools/keyless-{ACCOUNT}-{STAGE}"
PROVIDER = f"/iam/v1/{POOL}/providers/{STACK}"
ACCOUNTS = f"/iam/v1/projects/{PROJECT}/serviceAccounts"
PAUSE = 0.2  # seconds between a caller's requests


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a caller: what it was answered, or in which words it failed.

    `begun` is how many requests had ended when this one began, as callers end theirs in any order: in the list of
    all requests, one that ended at a place before `begun` ended before this one began.
    """

    function: str
    begun: int
    answer: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(slots=True)
class Rollouts:
    """The clouds of these tests, with what is deployed there now."""

    deployment: Deployment
    now: State | None = None
    count: int = 0

    @property
    def environment(self) -> Mapping[str, str]:
        """How to reach the clouds."""
        return self.deployment.clouds.environment

    @property
    def chain(self) -> Chain:
        """The chain by hand, for this stack's provider."""
        pool = POOL.replace(PROJECT, self.environment["GCP_PROJECT_NUMBER"])
        return Chain(self.environment, f"//iam.googleapis.com/{pool}/providers/{STACK}")

    def be(self, state: State) -> None:
        """Have `state` deployed, whatever was before."""
        if self.now != state:
            self.deploy(state)

    def deploy(self, state: State) -> None:
        """Synthesize and deploy `state`; raises `StepFailed`, and then the earlier state is what there is."""
        from keyless_cdk.settings import Settings
        from tests.e2e.rollout_stack import synthesize

        self.count += 1
        assembly = self.deployment.clouds.folder / f"rollout-{self.count}"
        synthesize(Settings.from_context(self.deployment.settings), state, assembly)
        self.deployment.deploy(assembly)
        self.now = state

    def condition(self) -> str:
        """The provider's attribute condition."""
        text: str = self.chain.admin("GET", PROVIDER).body["attributeCondition"]
        return text

    def providers(self) -> dict[str, str]:
        """The state of each provider that there is or was."""
        found = self.chain.admin("GET", f"/iam/v1/{POOL}/providers?showDeleted=true").body
        return {one["name"].rpartition("/")[2]: one["state"] for one in found["workloadIdentityPoolProviders"]}

    def trust(self) -> dict[str, Any]:
        """All of Google's side that this stack makes: condition, accounts with who may become them, project roles."""
        emails = [account["email"] for account in self.chain.admin("GET", ACCOUNTS).body["accounts"]]
        accounts = [email.partition("@")[0] for email in emails]
        policy = self.chain.admin("POST", f"/cloudresourcemanager/v1/projects/{PROJECT}:getIamPolicy", {}).body
        return {
            "condition": self.condition(),
            "members": {account: self.members(account) for account in accounts if "rollout" in account},
            "grants": _pairs(policy, "rollout"),
        }

    def trust_at_rest(self, expected: dict[str, Any], *, patience: float = 60.0) -> dict[str, Any]:
        """`trust()` as soon as it is as expected, or after `patience` s: a rollback is followed up by an event."""
        deadline = time.monotonic() + patience
        while (found := self.trust()) != expected and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return found

    def members(self, account: str) -> set[tuple[str, str]]:
        """Who may become a service account: role on it and AWS role."""
        email = f"{account}@{PROJECT}.iam.gserviceaccount.com"
        policy = self.chain.admin("POST", f"{ACCOUNTS}/{email}:getIamPolicy", {}).body
        return {(role, member.rpartition("/")[2]) for role, member in _pairs(policy, "aws_role")}

    def version(self, function: str) -> str:
        """The version that `live` points at."""
        alias = client("lambda", self.environment).get_alias(FunctionName=function, Name="live")
        number: str = alias["FunctionVersion"]
        return number

    def ask(self, function: str, **payload: Any) -> dict[str, Any]:
        """One answer of a function, through `live`."""
        answered: dict[str, Any] = invoke(payload, self.environment, f"{function}:live")
        return answered

    @contextmanager
    def google_stopped(self) -> Iterator[None]:
        """Google takes connections and answers nobody, until the block ends."""
        group = self.deployment.clouds.google.process.pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def started(self, function: str) -> list[dict[str, Any]]:
        """What each environment of a function said of itself when it started, in order."""
        events = client("logs", self.environment).filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        return [json.loads(event["message"]) for event in events if event["message"].startswith('{"process"')]

    @contextmanager
    def traffic(self, *functions: str, **payload: Any) -> Iterator[list[Request]]:
        """A caller for each function, one request after the other.

        Each has ended one before the block begins, and ends one that it begins after the block.
        """
        requests: list[Request] = []
        over = threading.Event()

        def call(function: str) -> None:
            while not over.is_set():
                begun = len(requests)
                try:
                    requests.append(Request(function, begun, self.ask(function, **payload)))
                except (InvocationFailed, client("lambda", self.environment).exceptions.ClientError) as failure:
                    requests.append(Request(function, begun, failure=str(failure)))
                time.sleep(PAUSE)

        def wait_for_all(begun: int, *, patience: float = 120.0) -> None:
            deadline = time.monotonic() + patience
            while missing := set(functions) - {one.function for one in requests if one.begun >= begun}:
                assert time.monotonic() < deadline, f"no request of {missing} ended"
                time.sleep(PAUSE / 10)

        callers = [threading.Thread(target=call, args=(function,)) for function in functions]
        for caller in callers:
            caller.start()
        try:
            wait_for_all(0)
            yield requests
            wait_for_all(len(requests))
        finally:
            over.set()
            for caller in callers:
                caller.join()


def failures(requests: list[Request], *functions: str) -> list[Request]:
    """The failed ones, of these functions or of all."""
    return [request for request in requests if request.failure and (not functions or request.function in functions)]


def stamps(requests: list[Request], function: str) -> list[str]:
    """What a function answered, each answer once, in the order of their first appearance."""
    answered = [request.answer for request in requests if request.function == function and not request.failure]
    return list(dict.fromkeys(answer["stamp"] for answer in answered))


def _pairs(policy: Mapping[str, Any], part: str) -> set[tuple[str, str]]:
    return {(entry["role"], who) for entry in policy.get("bindings", []) for who in entry["members"] if part in who}
