"""Pools and providers: long-running operations, soft deletion, update masks, and Google's rules for IDs and CEL."""

import pytest

from tests.local.google_fixtures import (
    CONDITION,
    MAPPING,
    NUMBER,
    POOL_NAME,
    POOLS,
    PROJECT,
    InProcess,
    Json,
    in_process,
)

PROVIDERS = f"{POOLS}/aws-pool/providers"
PROVIDER = f"{PROVIDERS}/aws-provider"


@pytest.fixture
def google() -> InProcess:
    return in_process()


def created(google: InProcess, **body: object) -> Json:
    return google.ok("POST", f"{POOLS}?workloadIdentityPoolId=aws-pool", body)


def test_a_write_is_an_operation_that_the_first_poll_finds_unfinished(google: InProcess) -> None:
    operation = created(google, displayName="AWS")
    assert operation == {"name": operation["name"]}
    assert operation["name"].startswith(f"{POOL_NAME}/operations/")
    assert "done" not in google.ok("GET", f"/iam/v1/{operation['name']}")
    done = google.ok("GET", f"/iam/v1/{operation['name']}")
    assert done["done"] is True
    assert done["response"]["name"] == POOL_NAME


def test_a_provider_write_is_an_operation_below_the_provider(google: InProcess) -> None:
    google.pool()
    operation = google.ok("PATCH", f"{PROVIDER}?updateMask=displayName", {"displayName": "x"})
    assert operation["name"].startswith(f"{POOL_NAME}/providers/aws-provider/operations/")
    google.ok("GET", f"/iam/v1/{operation['name']}")
    assert google.ok("GET", f"/iam/v1/{operation['name']}")["done"] is True


def test_an_unknown_operation_is_not_found(google: InProcess) -> None:
    google.pool()
    google.refused(404, "NOT_FOUND", "GET", f"{POOLS}/aws-pool/operations/none")


def test_a_pool_is_shown_under_the_project_number_and_without_empty_fields(google: InProcess) -> None:
    created(google, description="ours", disabled=False)
    assert google.ok("GET", f"{POOLS}/aws-pool") == {"name": POOL_NAME, "description": "ours", "state": "ACTIVE"}
    assert google.ok("GET", f"{POOLS.replace(PROJECT, NUMBER)}/aws-pool")["name"] == POOL_NAME


def test_a_patch_applies_only_what_its_mask_names(google: InProcess) -> None:
    google.pool()
    body = {"attributeCondition": "true", "disabled": True, "displayName": "no"}
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeCondition", body)
    provider = google.ok("GET", PROVIDER)
    assert provider["attributeCondition"] == "true"
    assert "disabled" not in provider
    assert "displayName" not in provider
    assert provider["attributeMapping"] == MAPPING


def test_a_masked_field_that_the_body_lacks_is_cleared(google: InProcess) -> None:
    created(google, description="ours")
    google.ok("PATCH", f"{POOLS}/aws-pool?updateMask=description", {})
    assert "description" not in google.ok("GET", f"{POOLS}/aws-pool")


def test_a_mask_may_be_spelled_in_snake_case(google: InProcess) -> None:
    created(google)
    google.ok("PATCH", f"{POOLS}/aws-pool?updateMask=display_name", {"displayName": "AWS"})
    assert google.ok("GET", f"{POOLS}/aws-pool")["displayName"] == "AWS"


def test_a_patch_without_a_mask_or_with_an_unknown_field_is_refused(google: InProcess) -> None:
    created(google)
    google.refused(400, "INVALID_ARGUMENT", "PATCH", f"{POOLS}/aws-pool", {"displayName": "x"})
    assert "state" in google.refused(400, "INVALID_ARGUMENT", "PATCH", f"{POOLS}/aws-pool?updateMask=state", {})


def test_a_refused_patch_changes_nothing(google: InProcess) -> None:
    google.pool()
    body = {"displayName": "new", "attributeCondition": "nonsense ("}
    google.refused(400, "INVALID_ARGUMENT", "PATCH", f"{PROVIDER}?updateMask=displayName,attributeCondition", body)
    provider = google.ok("GET", PROVIDER)
    assert provider["attributeCondition"] == CONDITION
    assert "displayName" not in provider


def test_a_deleted_pool_blocks_its_id_and_can_be_read_but_not_updated(google: InProcess) -> None:
    created(google)
    google.ok("DELETE", f"{POOLS}/aws-pool")
    pool = google.ok("GET", f"{POOLS}/aws-pool")
    assert pool["state"] == "DELETED"
    assert "expireTime" in pool
    message = google.refused(409, "ALREADY_EXISTS", "POST", f"{POOLS}?workloadIdentityPoolId=aws-pool", {})
    assert message == "Requested entity already exists"
    google.refused(400, "FAILED_PRECONDITION", "PATCH", f"{POOLS}/aws-pool?updateMask=displayName", {})
    google.refused(400, "FAILED_PRECONDITION", "POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=aws-provider", {})


def test_undelete_brings_a_pool_back_with_its_providers(google: InProcess) -> None:
    google.pool()
    google.ok("DELETE", f"{POOLS}/aws-pool")
    google.ok("POST", f"{POOLS}/aws-pool:undelete", {})
    assert google.ok("GET", f"{POOLS}/aws-pool")["state"] == "ACTIVE"
    assert google.ok("GET", PROVIDER)["attributeCondition"] == CONDITION
    google.refused(400, "FAILED_PRECONDITION", "POST", f"{POOLS}/aws-pool:undelete", {})


def test_a_deleted_provider_is_undeleted_and_then_patched(google: InProcess) -> None:
    google.pool()
    google.ok("DELETE", PROVIDER)
    google.refused(
        409,
        "ALREADY_EXISTS",
        "POST",
        f"{PROVIDERS}?workloadIdentityPoolProviderId=aws-provider",
        {"aws": {"accountId": "1" * 12}},
    )
    google.refused(400, "FAILED_PRECONDITION", "PATCH", f"{PROVIDER}?updateMask=disabled", {"disabled": True})
    google.ok("POST", f"{PROVIDER}:undelete", {})
    google.ok("PATCH", f"{PROVIDER}?updateMask=disabled", {"disabled": True})
    assert google.ok("GET", PROVIDER)["disabled"] is True


def test_lists_hide_what_is_deleted_until_asked_as_gcloud_asks(google: InProcess) -> None:
    google.pool()
    google.ok("DELETE", PROVIDER)
    assert google.ok("GET", PROVIDERS) == {}
    assert google.ok("GET", f"{PROVIDERS}?showDeleted=True")["workloadIdentityPoolProviders"][0]["state"] == "DELETED"
    google.ok("DELETE", f"{POOLS}/aws-pool")
    assert google.ok("GET", POOLS) == {}
    assert len(google.ok("GET", f"{POOLS}?showDeleted=True")["workloadIdentityPools"]) == 1


def test_lists_come_in_pages(google: InProcess) -> None:
    for name in ("pool-a", "pool-b", "pool-c"):
        google.ok("POST", f"{POOLS}?workloadIdentityPoolId={name}", {})
    first = google.ok("GET", f"{POOLS}?pageSize=2")
    second = google.ok("GET", f"{POOLS}?pageSize=2&pageToken={first['nextPageToken']}")
    names = [
        pool["name"].rpartition("/")[2] for pool in first["workloadIdentityPools"] + second["workloadIdentityPools"]
    ]
    assert names == ["pool-a", "pool-b", "pool-c"]
    assert "nextPageToken" not in second


@pytest.mark.parametrize("pool_id", ["", "abc", "x" * 33, "Upper", "under_score", "gcp-mine"])
def test_ids_that_google_refuses_are_refused(google: InProcess, pool_id: str) -> None:
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{POOLS}?workloadIdentityPoolId={pool_id}", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("displayName", "x" * 33),
        ("description", "x" * 257),
        ("aws", {"accountId": "12345"}),
        ("attributeMapping", {"google.subject": "assertion.missing("}),
        ("attributeMapping", {"attribute.aws_role": "assertion.arn"}),
        ("attributeMapping", MAPPING | {"google.email": "assertion.arn"}),
        ("attributeMapping", MAPPING | {"attribute.AwsRole": "assertion.arn"}),
        ("attributeMapping", MAPPING | {"attribute." + "k" * 101: "assertion.arn"}),
        ("attributeMapping", MAPPING | {"attribute.long": "'" + "x" * 2047 + "'"}),
        ("attributeMapping", {"google.subject": "'x'"} | {f"attribute.k{number}": "'x'" for number in range(51)}),
        ("attributeMapping", MAPPING | {"google.groups": "assertion.arn + ''"}),
        ("attributeCondition", "assertion.arn =="),
        ("attributeCondition", "'a string'"),
        ("attributeCondition", "'" + "x" * 4095 + "' == ''"),
        ("oidc", {"issuerUri": "https://example.com"}),
    ],
)
def test_providers_that_google_refuses_are_refused(google: InProcess, field: str, value: object) -> None:
    created(google)
    body: Json = {"aws": {"accountId": "1" * 12}, "attributeMapping": MAPPING, field: value}
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=aws-provider", body)
    google.refused(404, "NOT_FOUND", "GET", PROVIDER)


def test_a_mapping_may_be_as_large_as_google_documents(google: InProcess) -> None:
    google.pool()
    largest = {f"attribute.{number:0100}": "'" + "x" * 2046 + "'" for number in range(50)}
    mapping = {"google.subject": "assertion.arn", "google.groups": "assertion.arn.split('/')", **largest}
    google.ok("PATCH", f"{PROVIDER}?updateMask=attributeMapping,attributeCondition", {"attributeMapping": mapping})


def test_the_type_of_a_provider_cannot_be_changed(google: InProcess) -> None:
    google.pool()
    body = {"oidc": {"issuerUri": "https://example.com"}}
    assert "type" in google.refused(400, "INVALID_ARGUMENT", "PATCH", f"{PROVIDER}?updateMask=oidc.issuerUri", body)


def test_what_is_missing_is_not_found_in_googles_words(google: InProcess) -> None:
    assert google.refused(404, "NOT_FOUND", "GET", f"{POOLS}/none") == "Requested entity was not found."
