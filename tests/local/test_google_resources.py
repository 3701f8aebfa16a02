"""Topics and secrets: what a grant on any resource with a policy is proven with."""

import base64

import pytest

from tests.local.google_fixtures import NUMBER, PROJECT, InProcess, Json, in_process

TOPICS = f"/pubsub/v1/projects/{PROJECT}/topics"
SECRETS = f"/secretmanager/v1/projects/{PROJECT}/secrets"
REPLICATION: Json = {"replication": {"automatic": {}}}
EMAIL = f"lone-account@{PROJECT}.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{EMAIL}"


@pytest.fixture
def google() -> InProcess:
    google = in_process()
    google.enable_apis("pubsub.googleapis.com", "secretmanager.googleapis.com")
    google.ok("PUT", f"{TOPICS}/news", {"labels": {"a": "b"}})
    google.ok("POST", f"{SECRETS}?secretId=key", REPLICATION)
    return google


@pytest.fixture
def token(google: InProcess) -> str:
    return google.account_token("lone-account")


def bind(google: InProcess, resource: str, role: str, **condition: str) -> Json:
    policy = google.ok("GET", f"{resource}:getIamPolicy?options.requestedPolicyVersion=3")
    entry: Json = {"role": role, "members": [MEMBER]}
    bindings = [{**entry, "condition": condition} if condition else entry]
    return google.ok("POST", f"{resource}:setIamPolicy", {"policy": {**policy, "version": 3, "bindings": bindings}})


def test_a_topic_and_a_secret_are_made_read_listed_and_deleted(google: InProcess) -> None:
    assert google.ok("GET", f"{TOPICS}/news") == {"name": f"projects/{PROJECT}/topics/news", "labels": {"a": "b"}}
    assert [t["name"] for t in google.ok("GET", TOPICS)["topics"]] == [f"projects/{PROJECT}/topics/news"]
    secret = google.ok("GET", f"{SECRETS}/key")
    assert secret["name"] == f"projects/{NUMBER}/secrets/key"
    assert google.ok("GET", SECRETS) == {"secrets": [secret]}
    google.refused(409, "ALREADY_EXISTS", "PUT", f"{TOPICS}/news", {})
    google.refused(409, "ALREADY_EXISTS", "POST", f"{SECRETS}?secretId=key", REPLICATION)
    for resource in (f"{TOPICS}/news", f"{SECRETS}/key"):
        google.ok("DELETE", resource)
        google.refused(404, "NOT_FOUND", "GET", resource)
        google.refused(404, "NOT_FOUND", "GET", f"{resource}:getIamPolicy")
        google.refused(404, "NOT_FOUND", "POST", f"{resource}:setIamPolicy", {"policy": {}})


@pytest.mark.parametrize(
    ("resource", "role", "permission"),
    [
        (f"{TOPICS}/news", "roles/pubsub.publisher", "pubsub.topics.publish"),
        (f"{SECRETS}/key", "roles/secretmanager.secretAccessor", "secretmanager.versions.access"),
    ],
)
def test_a_role_on_one_resource_holds_there_and_ends_with_it(
    google: InProcess, token: str, resource: str, role: str, permission: str
) -> None:
    asked = {"permissions": [permission]}
    assert google.ok("POST", f"{resource}:testIamPermissions", asked, token=token) == {}
    answer = bind(google, resource, role)
    assert answer["bindings"] == [{"role": role, "members": [MEMBER]}]
    assert google.ok("POST", f"{resource}:testIamPermissions", asked, token=token) == asked
    stale = {"policy": {"etag": "BwYAAAAAAAA=", "bindings": []}}
    google.refused(409, "ABORTED", "POST", f"{resource}:setIamPolicy", stale)
    wrong = {"policy": {"bindings": [{"role": "roles/bigquery.jobUser", "members": [MEMBER]}]}}
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{resource}:setIamPolicy", wrong)
    google.ok("DELETE", resource)
    if resource == f"{SECRETS}/key":
        google.ok("POST", f"{SECRETS}?secretId=key", REPLICATION)
    else:
        google.ok("PUT", resource, {})
    assert google.ok("POST", f"{resource}:testIamPermissions", asked, token=token) == {}


def test_publishing_and_reading_a_secret_need_their_grants(google: InProcess, token: str) -> None:
    messages = {"messages": [{"data": "aGk="}, {"data": "aGk="}]}
    google.refused(403, "PERMISSION_DENIED", "POST", f"{TOPICS}/news:publish", messages, token=token)
    bind(google, f"{TOPICS}/news", "roles/pubsub.publisher")
    assert len(google.ok("POST", f"{TOPICS}/news:publish", messages, token=token)["messageIds"]) == 2
    data = base64.b64encode(b"open sesame").decode()
    for wanted in ("old", data):
        google.ok("POST", f"{SECRETS}/key:addVersion", {"payload": {"data": wanted}})
    latest = f"{SECRETS}/key/versions/latest:access"
    google.refused(403, "PERMISSION_DENIED", "GET", latest, token=token)
    bind(google, f"{SECRETS}/key", "roles/secretmanager.secretAccessor")
    read = google.ok("GET", latest, token=token)
    assert read == {"name": f"projects/{NUMBER}/secrets/key/versions/2", "payload": {"data": data}}
    assert google.ok("GET", SECRETS)["secrets"] == [google.ok("GET", f"{SECRETS}/key")]


@pytest.mark.parametrize("shut", [False, True])
def test_a_condition_may_name_the_resource(google: InProcess, token: str, shut: bool) -> None:
    expression = f"resource.name == 'projects/{NUMBER}/secrets/{'other' if shut else 'key'}'"
    bind(google, f"{SECRETS}/key", "roles/secretmanager.viewer", title="one", expression=expression)
    assert google.call("GET", f"{SECRETS}/key", token=token).status_code == (403 if shut else 200)


def test_a_topic_takes_no_conditions(google: InProcess) -> None:
    binding = {"role": "roles/pubsub.publisher", "members": [MEMBER], "condition": {"title": "t", "expression": "true"}}
    google.account_token("lone-account")
    body = {"policy": {"version": 3, "bindings": [binding]}}
    google.refused(400, "INVALID_ARGUMENT", "POST", f"{TOPICS}/news:setIamPolicy", body)


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("PUT", f"{TOPICS}/ab", {}),
        ("PUT", f"{TOPICS}/goog-news", {}),
        ("POST", f"{SECRETS}?secretId=a.b", REPLICATION),
        ("POST", f"{SECRETS}?secretId=another", {}),
        ("POST", f"{TOPICS}/news:publish", {}),
        ("POST", f"{SECRETS}/key:addVersion", {"payload": {}}),
    ],
)
def test_what_google_refuses_is_refused(google: InProcess, verb: str, path: str, body: Json) -> None:
    google.refused(400, "INVALID_ARGUMENT", verb, path, body)
