"""Every route there is, found by walking the application: whoever holds no role is refused, or is shown nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Route

from local.google.app import create_app
from local.google.bigquery.emulator import Emulator
from local.google.cloud import Cloud, Settings
from local.google.server import bigquery_routes
from tests.local.google_fixtures import ADMIN_TOKEN, PROJECT, Google, Json, server

TARGET = f"target-account@{PROJECT}.iam.gserviceaccount.com"
NAMES = {
    "project": PROJECT,
    "account": TARGET,
    "pool": "aws-pool",
    "provider": "aws-provider",
    "operation": "any",
    "role": "any",
    "service": "iam.googleapis.com",
    "resource": "mine",
    "version": "latest",
    "bucket": "my-bucket",
    "object:path": "mine",
    "dataset": "mine",
    "table": "mine",
    "job": "mine",
}
# Enough of each for a call to be a whole one: a check that comes after a complaint would be no check.
QUERY = (
    f"project={PROJECT}&uploadType=media&name=b&secretId=another&names=x/iam.googleapis.com&updateMask=disabled"
    "&workloadIdentityPoolId=new-pool&workloadIdentityPoolProviderId=new-provider"
)
TABLE = {"projectId": PROJECT, "datasetId": "mine", "tableId": "mine"}
BODY: Json = {
    "serviceIds": ["iam.googleapis.com"],
    "scope": ["https://www.googleapis.com/auth/cloud-platform"],
    "name": "another-bucket",
    "query": "SELECT 1",
    "datasetReference": {"projectId": PROJECT, "datasetId": "another"},
    "tableReference": TABLE,
    "policy": {},
    "rows": [{"json": {"a": 1}}],
    "configuration": {"query": {"query": "SELECT 1"}},
}
# What anyone may call, and what it says to someone without any role.
ANYONE: dict[tuple[str, str], Any] = {
    ("GET", "/healthz"): {"ready": True},
    ("GET", "/cloudresourcemanager/v1/projects"): {},
    ("GET", "/cloudresourcemanager/v3/projects:search"): {},
    ("POST", "/cloudresourcemanager/v1/projects/{project}:testIamPermissions"): {},
    ("POST", "/cloudresourcemanager/v3/projects/{project}:testIamPermissions"): {},
    ("POST", "/iam/v1/projects/{project}/serviceAccounts/{account}:testIamPermissions"): {},
    ("POST", "/pubsub/v1/projects/{project}/topics/{resource}:testIamPermissions"): {},
    ("POST", "/secretmanager/v1/projects/{project}/secrets/{resource}:testIamPermissions"): {},
    (
        "POST",
        "/bigquery/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}:testIamPermissions",
    ): {},
    ("GET", "/storage/storage/v1/b/{bucket}/iam/testPermissions"): {"kind": "storage#testIamPermissionsResponse"},
    # What Google tells everybody about its roles: nothing of this project.
    ("GET", "/iam/v1/roles"): None,
    ("GET", "/iam/v1/roles/{role}"): None,
    ("POST", "/iam/v1/roles:queryGrantableRoles"): None,
    ("POST", "/iam/v1/permissions:queryTestablePermissions"): None,
    # Whose signature or whose upload it is decides, not who asks.
    ("POST", "/sts/v1/token"): None,
    ("PUT", "/bigquery/upload/bigquery/v2/projects/{project}/jobs"): None,
    ("PUT", "/storage/upload/storage/v1/b/{bucket}/o"): None,
    ("PUT", "/upload/storage/v1/b/{bucket}/o"): None,
    # Only what the caller may see is listed.
    ("GET", "/bigquery/bigquery/v2/projects/{project}/datasets"): None,
}


def routes() -> list[tuple[str, str]]:
    """(verb, path template) of every route of the whole application."""
    cloud = Cloud.start(Settings(aws_endpoint="", admin_token=ADMIN_TOKEN))
    app = create_app(cloud, bigquery_routes(cloud, Emulator.__new__(Emulator)))
    assert all(isinstance(route, Route) for route in app.routes)
    return sorted(
        (verb, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for verb in (route.methods or ())
        if verb != "HEAD"
    )


def address(path: str) -> str:
    """The path with names of things that exist."""
    project = "-" if path.startswith("/iamcredentials/") else PROJECT
    return re.sub(r"\{([^}]+)\}", lambda match: (NAMES | {"project": project})[match[1]], path) + f"?{QUERY}"


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A cloud in which everything that the paths name exists."""
    with server(tmp_path_factory.mktemp("google")) as (running, _):
        running.enable_apis()
        running.enable_apis("pubsub.googleapis.com", "secretmanager.googleapis.com", "storage.googleapis.com")
        running.pool()
        running.account("target-account")
        running.ok("PUT", f"/pubsub/v1/projects/{PROJECT}/topics/mine", {})
        secrets = f"/secretmanager/v1/projects/{PROJECT}/secrets"
        running.ok("POST", f"{secrets}?secretId=mine", {"replication": {"automatic": {}}})
        running.ok("POST", f"{secrets}/mine:addVersion", {"payload": {"data": "aGk="}})
        bucket = {"name": "my-bucket", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        running.ok("POST", f"/storage/storage/v1/b?project={PROJECT}", bucket)
        running.ok("POST", "/upload/storage/v1/b/my-bucket/o?uploadType=media&name=mine", {})
        datasets = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"
        running.ok("POST", datasets, {"datasetReference": {"projectId": PROJECT, "datasetId": "mine"}})
        schema = {"fields": [{"name": "a", "type": "INTEGER"}]}
        running.ok("POST", f"{datasets}/mine/tables", {"tableReference": TABLE, "schema": schema})
        yield running


@pytest.fixture(scope="module")
def token(google: Google) -> str:
    """The token of an account without any role."""
    email = google.account("lone-account")
    google.grant_on_account(email, "roles/iam.serviceAccountTokenCreator", "user:admin@keyless.local")
    return google.impersonate(email, ADMIN_TOKEN)


@pytest.mark.parametrize(("verb", "path"), [route for route in routes() if route not in ANYONE])
def test_whoever_holds_no_role_may_do_nothing(google: Google, token: str, verb: str, path: str) -> None:
    answer = google.call(verb, address(path), None if verb == "GET" else BODY, token=token)
    assert answer.status_code == 403, f"{verb} {path} has no check: {answer.status_code} {answer.text}"
    assert "SERVICE_DISABLED" not in answer.text


@pytest.mark.parametrize(
    ("verb", "path"), [route for route in routes() if route[1] not in ("/healthz", "/sts/v1/token")]
)
def test_a_garbage_token_gets_nowhere(google: Google, verb: str, path: str) -> None:
    answer = google.call(verb, address(path), None if verb == "GET" else BODY, token="garbage")
    assert answer.status_code == 401, f"{verb} {path}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize(("verb", "path"), [route for route, shown in ANYONE.items() if shown is not None])
def test_what_anyone_may_call_tells_them_nothing(google: Google, token: str, verb: str, path: str) -> None:
    assert google.ok(verb, address(path), None if verb == "GET" else {}, token=token) == ANYONE[verb, path]


def test_what_anyone_may_call_is_there() -> None:
    assert ANYONE.keys() <= set(routes())
