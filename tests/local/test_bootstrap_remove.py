"""`--remove`: all that a bootstrap made goes and nothing else, not while it is needed, and it can come back."""

from collections.abc import Iterator

import pytest

from tests.local.bootstrap_runs import DEPLOYER, DEPLOYER_PATH, DEV, NOTHING, POOL, PROVIDER, succeed
from tests.local.federation_world import ACCOUNT, PROJECT, LocalGoogle, Proxy

ROLES = f"iam/v1/projects/{PROJECT}/roles"
ELSEWHERE, ELSEWHERE_NUMBER = "keyless-identities", "915847305512"
HOME = ("--identity-project", ELSEWHERE)
MADE = ("keylessFederation", "keylessProjectGrants", "keylessGrantsOn.bigquery.datasets")


@pytest.fixture
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGoogle]:
    """A fresh local Google with two projects."""
    another = ("--another-project", f"{ELSEWHERE}={ELSEWHERE_NUMBER}")
    with LocalGoogle.started(tmp_path_factory.mktemp("google"), *another) as started:
        yield started


def deleted(google: LocalGoogle) -> dict[str, bool]:
    """Which custom roles there are, and whether they are deleted."""
    roles = google.call("GET", ROLES, showDeleted="true").get("roles", [])
    return {role["name"].rpartition("/")[2]: role.get("deleted", False) for role in roles}


def test_everything_that_it_made_goes_and_nothing_else(google: LocalGoogle) -> None:
    google.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/iam.googleapis.com:enable", {})
    google.call("POST", ROLES, {"roleId": "keylessGrantsOn.pubsub.topics", "role": {"title": "Somebody's"}})
    google.bind("roles/viewer", "user:alice@example.com")
    before = google.members()
    succeed(google, *DEV, "--grants-on", "bigquery.datasets")
    google.bind("roles/browser", f"serviceAccount:{DEPLOYER}")
    made = google.members()
    told = succeed(google, "--remove", "--dry-run").stderr
    assert "7 steps to take; nothing was changed (--dry-run)." in told
    assert google.members() == made
    with Proxy(google.url).serving() as proxy:
        told = succeed(google, "--remove", url=proxy.url).stderr
    order = [
        f"would delete the provider keyless-bootstrap/aws-{ACCOUNT}",
        f"on the project {PROJECT}: take away projects/{PROJECT}/roles/keylessFederation for serviceAccount:{DEPLOYER}",
        f"would delete the service account {DEPLOYER}",
        "would delete the pool keyless-bootstrap",
        *(f"would delete the role projects/{PROJECT}/roles/{role}" for role in sorted(MADE)),
        "Enabled APIs stay enabled.",
    ]
    assert sorted(order, key=told.index) == order
    assert (google.call("GET", PROVIDER)["state"], google.call("GET", POOL)["state"]) == ("DELETED", "DELETED")
    assert google.find(DEPLOYER_PATH) is None
    assert deleted(google) == {**dict.fromkeys(MADE, True), "keylessGrantsOn.pubsub.topics": False}
    [(role, member)] = google.members() - before  # a person gave it, and Google keeps it for a while
    assert (role, member.startswith(f"deleted:serviceAccount:{DEPLOYER}?uid=")) == ("roles/browser", True)
    assert not any(path.endswith(":disable") for _, path in proxy.writes())
    succeed(google, "--remove")  # takes the dead binding away
    assert google.members() == before
    assert NOTHING in succeed(google, "--remove").stderr
