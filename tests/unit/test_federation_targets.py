"""What roles may be granted on: how it is named, and how its API hands out its policy and takes it back."""

from typing import Any

import pytest

from keyless_federation.google.client import Request
from keyless_federation.model import targets
from keyless_federation.model.kinds import KINDS, Form
from keyless_federation.model.targets import Target
from keyless_federation.policies import datasets, iam_policies

KEY = "//cloudkms.googleapis.com/projects/p/locations/eu/keyRings/r/cryptoKeys/k"
POLICY = {"etag": "e", "bindings": []}
WORDS = {
    targets.project("example.com:data"): "the project example.com:data",
    targets.dataset("p", "sales"): "the dataset p.sales",
    targets.table("p", "sales", "orders"): "the table p.sales.orders",
    targets.bucket("my.bucket"): "the bucket my.bucket",
    targets.service_account("reader@p.iam.gserviceaccount.com"): "the service account reader@p.iam.gserviceaccount.com",
    Target("//pubsub.googleapis.com/projects/p/topics/t%x"): "the topic projects/p/topics/t%x",
    Target(KEY): "the key projects/p/locations/eu/keyRings/r/cryptoKeys/k",
}


@pytest.mark.parametrize(("target", "words"), WORDS.items())
def test_a_target_has_a_name_for_people(target: Target, words: str) -> None:
    assert str(target) == words
    assert targets.parse(target.name) == target


@pytest.mark.parametrize(
    ("email", "project"),
    [
        ("reader@data.iam.gserviceaccount.com", "data"),
        ("reader@data.example.com.iam.gserviceaccount.com", "example.com:data"),
        ("my-app@appspot.gserviceaccount.com", "my-app"),
        ("123-compute@developer.gserviceaccount.com", "-"),
    ],
)
def test_a_service_account_lies_in_the_project_of_its_address(email: str, project: str) -> None:
    assert targets.service_account(email).parts == (project, email)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("pubsub.googleapis.com/projects/p/topics/t", "SERVICE being one of cloudresourcemanager, iam, bigquery"),
        ("//pubsub.example.com/projects/p/topics/t", "SERVICE being one of"),
        ("//dns.googleapis.com/projects/p/managedZones/z", "SERVICE being one of"),
        ("//pubsub.googleapis.com/projects/p/schemas/s", "projects/*/topics/* or projects/*/subscriptions/*"),
        ("//pubsub.googleapis.com/projects/p/topics/..", "and then projects/*/topics/*"),
        ("//pubsub.googleapis.com/projects/p/topics/t:delete", "and then projects/*/topics/*"),
        ("//storage.googleapis.com/my-bucket", "and then projects/_/buckets/*"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(name: str, problem: str) -> None:
    with pytest.raises(ValueError, match="must be //") as refusal:
        targets.parse(name)
    assert problem in str(refusal.value)


def reading(target: Target) -> tuple[str, str, str, Any, Any]:
    """What asks for a policy."""
    request = (datasets if target.kind.form is Form.ACCESS else iam_policies).reading(target)
    return request.method, request.service, request.path, dict(request.query), request.body


IN_BODY = {"options": {"requestedPolicyVersion": 3}}
IN_QUERY = {"options.requestedPolicyVersion": 3}
READINGS = [
    (targets.project("p"), ("POST", "cloudresourcemanager", "v1/projects/p:getIamPolicy", {}, IN_BODY)),
    (
        targets.service_account("a-name@p.iam.gserviceaccount.com"),
        (
            "POST",
            "iam",
            "v1/projects/p/serviceAccounts/a-name@p.iam.gserviceaccount.com:getIamPolicy",
            IN_QUERY,
            None,
        ),
    ),
    (
        targets.dataset("p", "d"),
        (
            "GET",
            "bigquery",
            "bigquery/v2/projects/p/datasets/d",
            {"accessPolicyVersion": 3, "datasetView": "FULL"},
            None,
        ),
    ),
    (
        targets.table("p", "d", "t"),
        ("POST", "bigquery", "bigquery/v2/projects/p/datasets/d/tables/t:getIamPolicy", {}, IN_BODY),
    ),
    (targets.bucket("b"), ("GET", "storage", "storage/v1/b/b/iam", {"optionsRequestedPolicyVersion": 3}, None)),
    (
        Target("//pubsub.googleapis.com/projects/p/topics/t"),
        ("GET", "pubsub", "v1/projects/p/topics/t:getIamPolicy", IN_QUERY, None),
    ),
    (
        Target("//secretmanager.googleapis.com/projects/p/secrets/s"),
        ("GET", "secretmanager", "v1/projects/p/secrets/s:getIamPolicy", IN_QUERY, None),
    ),
    (
        Target("//cloudtasks.googleapis.com/projects/p/locations/eu/queues/q"),
        ("POST", "cloudtasks", "v2/projects/p/locations/eu/queues/q:getIamPolicy", {}, IN_BODY),
    ),
]


@pytest.mark.parametrize(("target", "request_"), READINGS)
def test_each_api_is_asked_for_policies_in_its_own_way(target: Target, request_: tuple[Any, ...]) -> None:
    assert reading(target) == request_


def writing(name: str, policy: dict[str, Any]) -> Request:
    """What puts a policy in place."""
    return iam_policies.writing(targets.parse(name), policy, "why")


def test_a_policy_with_conditions_is_written_as_version_three_and_no_other_gets_a_version() -> None:
    secret = writing("//secretmanager.googleapis.com/projects/p/secrets/s", POLICY)
    assert secret.body == {"policy": {**POLICY, "version": 3}}
    assert writing("//pubsub.googleapis.com/projects/p/topics/t", POLICY).body == {"policy": POLICY}


def test_a_buckets_policy_is_put_bare() -> None:
    request = writing("//storage.googleapis.com/projects/_/buckets/b", {**POLICY, "kind": "storage#policy"})
    assert (request.method, request.path) == ("PUT", "storage/v1/b/b/iam")
    assert request.body == {**POLICY, "kind": "storage#policy", "version": 3}


def test_audit_configurations_are_written_back_with_the_bindings() -> None:
    policy = {**POLICY, "auditConfigs": [{"service": "allServices"}]}
    request = writing("//cloudresourcemanager.googleapis.com/projects/p", policy)
    assert request.body == {"policy": {**policy, "version": 3}, "updateMask": "bindings,etag,auditConfigs"}


def test_requests_name_the_permissions_of_their_kind() -> None:
    assert {f"{kind.permission}.setIamPolicy" for kind in KINDS} >= {
        "bigquery.tables.setIamPolicy",
        "bigquery.connections.setIamPolicy",
        "bigtable.tables.setIamPolicy",
        "cloudkms.cryptoKeys.setIamPolicy",
        "pubsub.topics.setIamPolicy",
        "secretmanager.secrets.setIamPolicy",
        "storage.buckets.setIamPolicy",
    }
    assert iam_policies.reading(Target(KEY)).needs == ("cloudkms.cryptoKeys.getIamPolicy",)
    assert writing(KEY, POLICY).needs == ("cloudkms.cryptoKeys.setIamPolicy",)


def test_a_dataset_is_written_only_as_it_was_read() -> None:
    request = datasets.writing(targets.dataset("p", "d"), {"etag": "e", "access": [], "labels": {}}, "why")
    assert request.headers == {"If-Match": "e"}
    assert request.body == {"access": []}
