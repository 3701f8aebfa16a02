"""The deployer's roles suffice, and every permission in them is asked for: proven by giving only what is missed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.bootstrap.permissions import FEDERATION, PROJECT_GRANTS, grants_on
from tests.local.federation_world import PROJECT, LocalGoogle, Stack, account

ROLES = f"iam/v1/projects/{PROJECT}/roles"
ALL = {*FEDERATION, *PROJECT_GRANTS, *grants_on("bigquery.datasets")}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """A local Google for the module."""
    with LocalGoogle.started(tmp_path_factory.mktemp("google")) as started:
        yield started


class Novice:
    """A service account whose one role holds nothing at first, and then what it was seen to miss."""

    def __init__(self, google: LocalGoogle) -> None:
        self._google = google
        self.granted: set[str] = set()
        for api in ("iam", "iamcredentials", "bigquery"):
            google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/{api}.googleapis.com:enable", {})
        google.call("POST", ROLES, {"roleId": "novice", "role": {"title": "Novice", "stage": "GA"}})
        made = google.call("POST", f"iam/v1/projects/{PROJECT}/serviceAccounts", {"accountId": "novice"})
        google.bind(f"projects/{PROJECT}/roles/novice", f"serviceAccount:{made['email']}")
        google.bind("roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local", f"iam/v1/{made['name']}")
        scopes = {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
        path = f"iamcredentials/v1/projects/-/serviceAccounts/{made['email']}:generateAccessToken"
        self.token: str = google.call("POST", path, scopes)["accessToken"]

    def learn(self, act: Callable[[], dict[str, Any]]) -> None:
        """Do `act` until it succeeds, granting each time what the reason says is missing."""
        while (answer := act())["Status"] == "FAILED":
            needed = re.search(r"The deployer needs ([\w., ]+);", answer["Reason"])
            assert needed, answer["Reason"]
            missing = {*needed[1].split(", ")} - self.granted
            assert missing, answer["Reason"]
            self.granted |= missing
            role = {"includedPermissions": sorted(self.granted)}
            self._google.call("PATCH", f"{ROLES}/novice", role, updateMask="includedPermissions")


def test_a_stacks_whole_life_takes_exactly_the_deployers_permissions(google: LocalGoogle) -> None:
    novice = Novice(google)
    google.dataset("granted")
    pool = {"Id": "pool-least", "DisplayName": "Pool", "Retain": "false"}
    grants = ({"Role": "roles/bigquery.jobUser"}, {"Role": "roles/bigquery.dataViewer", "Dataset": "granted"})
    # Little time: what was just made may be refused for a while, and is waited for.
    stack = Stack(google, "least", token=novice.token, seconds=12).change(
        Pool=pool,
        Apis=["iam.googleapis.com", "storage.googleapis.com"],
        ServiceAccounts=[account("aws-least", "least-role", grants=grants)],
    )
    novice.learn(lambda: stack.send("Create"))
    texts = {**stack.properties()["ServiceAccounts"][0], "DisplayName": "Another"}
    stack.change(Pool={**pool, "DisplayName": "Another"}, ServiceAccounts=[texts])
    stack.change(Provider={**stack.properties()["Provider"], "DisplayName": "Another"})
    novice.learn(lambda: stack.send("Update"))
    novice.learn(lambda: stack.send("Delete"))
    stack.physical_id = None
    novice.learn(lambda: stack.send("Create"))  # now everything is undeleted
    assert novice.granted == ALL
    assert len(google.members(stack.account)) == 2
