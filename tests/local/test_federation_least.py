"""The deployer's roles suffice, and each role and each permission in them is missed when it is taken away."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from functions.gcp_federation import handler as federation_handler
from keyless_cli.bootstrap.permissions import FEDERATION, PROJECT_GRANTS, grants_on
from tests.local.bootstrap_runs import DEPLOYER, DEV, bounded_roles, only, succeed
from tests.local.federation_properties import account
from tests.local.federation_stack import Stack
from tests.local.invocation import LambdaContext, untold
from tests.local.local_google import PROJECT, PROJECT_POLICY, BearerSession, Json, LocalGoogle
from tests.local.places import Place

ROLES = f"iam/v1/projects/{PROJECT}/roles"
KINDS = {
    "bigquery.datasets": "roles/bigquery.dataViewer",
    "bigquery.tables": "roles/bigquery.dataViewer",
    "storage.buckets": "roles/storage.objectViewer",
    "pubsub.topics": "roles/pubsub.publisher",
    "secretmanager.secrets": "roles/secretmanager.secretAccessor",
}
ALL = {*FEDERATION, *PROJECT_GRANTS, *(name for kind in KINDS for name in grants_on(kind))}
SERVICES = {"cloudresourcemanager": "resourcemanager"}  # whose permissions have another name


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """A local Google for the module."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        services = [f"{api}.googleapis.com" for api in ("iam", "bigquery", "pubsub", "secretmanager", "storage")]
        path = f"serviceusage/v1/projects/{PROJECT}/services:batchEnable"
        started.call("POST", path, {"serviceIds": [*services, "iamcredentials.googleapis.com"]})
        yield started


def token_of(google: LocalGoogle, email: str) -> str:
    """A token of a service account, for its administrator."""
    path = f"projects/{PROJECT}/serviceAccounts/{email}"
    google.bind("roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local", f"iam/v1/{path}")
    scopes = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    token: str = google.call(
        "POST", f"iamcredentials/v1/projects/-/serviceAccounts/{email}:generateAccessToken", scopes
    )["accessToken"]
    return token


def places(google: LocalGoogle, name: str) -> dict[str, Json]:
    """A grant on something of each kind."""
    google.dataset(name)
    named = {kind: kind.rpartition(".")[2].removesuffix("s") for kind in KINDS if kind != "bigquery.datasets"}
    made = {kind: Place(google, noun, f"{name}-{noun}").grant for kind, noun in named.items()}
    found = {"bigquery.datasets": {"Dataset": name}, **made}
    return {kind: {"Role": role, **found[kind]} for kind, role in KINDS.items()}


class Novice:
    """A service account with one role, which holds what a test lets it hold."""

    def __init__(self, google: LocalGoogle, name: str) -> None:
        self._google, self._role = google, name
        google.call("POST", ROLES, {"roleId": name, "role": {"title": "Novice", "stage": "GA"}})
        made = google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": name})
        google.bind(f"projects/{PROJECT}/roles/{name}", f"serviceAccount:{made['email']}")
        self.token = token_of(google, made["email"])
        self.granted: set[str] = set()

    def hold(self, permissions: set[str]) -> None:
        """Hold exactly these."""
        self.granted = set(permissions)
        role = {"includedPermissions": sorted(permissions)}
        self._google.call("PATCH", f"{ROLES}/{self._role}", role, updateMask="includedPermissions")

    def learn(self, act: Callable[[], dict[str, Any]]) -> None:
        """Do `act` until it succeeds, granting each time what the reason says is missing."""
        while (answer := act())["Status"] == "FAILED":
            needed = re.search(r"The deployer needs ([\w., ]+);", answer["Reason"])
            assert needed, answer["Reason"]
            missing = {*needed[1].split(", ")} - self.granted
            assert missing, answer["Reason"]
            self.hold(self.granted | missing)


def live(google: LocalGoogle, stack: Stack, event: Callable[[str], None]) -> None:
    """A stack's whole life, in which every request of the custom resource occurs; `event` brings each event about."""
    pool = {"Id": f"pool-{stack.name}", "DisplayName": "Pool", "Retain": "false"}
    grants = ({"Role": "roles/bigquery.jobUser"}, *places(google, stack.name).values())
    made = account(f"aws-{stack.name}", f"{stack.name}-role", grants=grants)
    stack.change(Pool=pool, Apis=["iam.googleapis.com", f"{UNUSED[stack.name]}.googleapis.com"], ServiceAccounts=[made])
    event("Create")
    stack.change(Pool={**pool, "DisplayName": "Another"}, ServiceAccounts=[{**made, "DisplayName": "Another"}])
    stack.change(Provider={**stack.properties()["Provider"], "DisplayName": "Another"})
    event("Update")
    event("Delete")
    stack.physical_id = None
    event("Create")  # now everything is undeleted
    assert len(google.members(stack.account)) == 2


def succeeded(stack: Stack, kind: str) -> None:
    """Bring an event about that must end well."""
    stack.succeed(kind)


UNUSED = {"least": "logging", "single": "monitoring"}  # an API for each life to enable


def test_a_stacks_whole_life_takes_exactly_the_deployers_permissions(google: LocalGoogle) -> None:
    novice = Novice(google, "novice")
    # Little time: what was just made may be refused for a while, and is waited for.
    stack = Stack(google, "least", token=novice.token, seconds=12)
    live(google, stack, lambda kind: novice.learn(lambda: stack.send(kind)))
    assert novice.granted == ALL


@dataclass(slots=True)
class Examined(Stack):
    """A stack each request of which is tried without each permission that it may need, before it is let through."""

    novice: Novice = field(kw_only=True)
    proven: set[str] = field(default_factory=set)

    def handle(self, event: Json) -> None:
        """As any stack, in a session that tries."""
        with pytest.MonkeyPatch.context() as patched, _Examining(self) as session:
            patched.setenv("KEYLESS_GOOGLE_ENDPOINT", self.google.url + "/{service}")
            patched.setenv("AWS_LAMBDA_FUNCTION_NAME", "keyless-federation-dev-eu-west-1")
            federation_handler.handle(event, LambdaContext(self.seconds), lambda: session, untold, patience=0)

    def examine(self, url: str, ask: Callable[[], requests.Response]) -> requests.Response:
        """Ask without all that is unproven, then with what was missed; the absence of that alone is its proof.

        Some of Google's refusals name no permission: what is guessed then is proven by asking once more at the end.
        """
        unproven = self._open(url)
        needed, guessed = set[str](), set[str]()
        while True:
            self.novice.hold((ALL - unproven) | needed)
            if (answer := ask()).status_code != 403:
                break
            left = unproven - needed
            assert left, f"{url} is refused whatever is held: {answer.text}"
            named = {permission for permission in left if permission in answer.text}
            for permission in named:
                assert self._is_missed(permission, ask), f"{permission} was missed, and is not needed"
            guessed |= set() if named else {min(left)}
            needed |= named or {min(left)}
        for permission in guessed:
            self._is_missed(permission, ask)
        return answer

    def _is_missed(self, permission: str, ask: Callable[[], requests.Response]) -> bool:
        self.novice.hold(ALL - {permission})
        missed = ask().status_code == 403
        self.proven |= {permission} if missed else set()
        return missed

    def _open(self, url: str) -> set[str]:
        """What is unproven of the permissions of this API."""
        service = url.removeprefix(f"{self.google.url}/").partition("/")[0]
        return {name for name in ALL - self.proven if name.startswith(f"{SERVICES.get(service, service)}.")}


class _Examining(BearerSession):
    def __init__(self, stack: Examined) -> None:
        super().__init__(stack.token)
        self._stack, self._one_by_one = stack, threading.Lock()

    def request(self, method: Any, url: Any, *rest: Any, **more: Any) -> requests.Response:
        with self._one_by_one:
            return self._stack.examine(str(url), lambda: super(_Examining, self).request(method, url, *rest, **more))


def test_each_permission_alone_is_missed_where_it_is_needed(google: LocalGoogle) -> None:
    novice = Novice(google, "examined")
    stack = Examined(google, "single", token=novice.token, novice=novice)
    live(google, stack, lambda kind: succeeded(stack, kind))
    assert stack.proven == ALL


@pytest.fixture(scope="module")
def deployed(google: LocalGoogle) -> Stack:
    """A stack with every kind of grant, and the deployer's whole bootstrap behind it."""
    succeed(google, *DEV, *(word for kind in KINDS for word in ("--grants-on", kind)))
    stack = Stack(google, "roles", token=token_of(google, DEPLOYER))
    stack.succeed("Create")
    return stack


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_each_role_alone_is_missed_and_given_back_by_the_command_that_is_told(
    google: LocalGoogle, deployed: Stack, kind: str
) -> None:
    grants = places(google, f"given_{kind.partition('.')[2].lower() or 'project'}")
    name, own = deployed.name, {"Role": "roles/bigquery.user"}
    wanted = account(f"aws-{name}", f"{name}-role", grants=(grants[kind] if kind else own,))
    deployed.change(ServiceAccounts=[wanted])
    role = f"projects/{PROJECT}/roles/{f'keylessGrantsOn.{kind}' if kind else 'keylessProjectGrants'}"
    google.call("DELETE", f"iam/v1/{role}")
    reason = deployed.fail("Update")
    told = reason.partition("keyless bootstrap ")[2].partition(" (log stream")[0]
    assert told.endswith(f"--grants-on {kind}" if kind else "--grantable-role roles/bigquery.user"), reason
    succeed(google, *told.split()[4:])
    deployed.succeed("Update")


def test_a_first_deployment_without_a_role_is_taken_back_and_made_once_the_command_was_run(
    google: LocalGoogle, deployed: Stack
) -> None:
    google.dataset("unlooked")
    before = google.members()
    stack = Stack(google, "unlooked", token=deployed.token)
    grants = ({"Role": "roles/bigquery.dataViewer", "Dataset": "unlooked"},)
    stack.change(ServiceAccounts=[account("aws-unlooked", "unlooked-role", grants=grants)])
    google.call("DELETE", f"iam/v1/projects/{PROJECT}/roles/keylessGrantsOn.bigquery.datasets")
    answer = stack.send("Create")
    command = answer["Reason"].partition("keyless bootstrap ")[2].partition(" (log stream")[0]
    stack.physical_id = answer["PhysicalResourceId"]
    deletion = stack.send("Delete")
    assert deletion["Status"] == "SUCCESS", deletion
    assert f"the dataset {PROJECT}.unlooked" in deletion["Data"]["Left"]
    assert google.members() == before
    succeed(google, *command.split()[4:])
    stack.physical_id = None
    stack.succeed("Create")


def test_without_its_first_role_the_deployer_makes_no_federation(google: LocalGoogle, deployed: Stack) -> None:
    role = f"projects/{PROJECT}/roles/keylessFederation"
    google.call("DELETE", f"iam/v1/{role}")
    reason = deployed.fail("Update")
    command = f"keyless bootstrap --project {PROJECT} --account 111122223333 --stage dev --region eu-west-1"
    assert f"The deployer needs serviceusage.services.get; let the bootstrap grant it: {command}" in reason
    succeed(google, *DEV)
    deployed.succeed("Update")


def test_a_role_that_may_not_be_granted_may_not_be_taken_away_either(google: LocalGoogle, deployed: Stack) -> None:
    name, wanted = deployed.name, ("roles/bigquery.jobUser", "roles/bigquery.user")
    succeed(google, *DEV, "--grantable-role", "roles/bigquery.user")
    grants = tuple({"Role": role} for role in wanted)
    deployed.change(ServiceAccounts=[account(f"aws-{name}", f"{name}-role", grants=grants)])
    deployed.succeed("Update")
    _bound(google, only("roles/bigquery.jobUser"))
    deployed.change(ServiceAccounts=[account(f"aws-{name}", f"{name}-role", grants=grants[:1])])
    assert "--grantable-role roles/bigquery.user" in deployed.fail("Update")
    succeed(google, *DEV, "--grantable-role", "roles/bigquery.user")
    assert bounded_roles(google) == [only(*wanted)]
    deployed.succeed("Update")


def _bound(google: LocalGoogle, expression: str) -> None:
    """Shrink what may be granted, by hand: the bootstrap does not."""
    policy = google.call("POST", f"{PROJECT_POLICY}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    for entry in policy["bindings"]:
        if entry["role"].endswith("/keylessProjectGrants"):
            entry["condition"]["expression"] = expression
    google.call("POST", f"{PROJECT_POLICY}:setIamPolicy", {"policy": policy})
