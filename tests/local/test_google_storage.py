"""Cloud Storage: buckets as Terraform makes them, their policies, and objects, each behind its permission."""

import base64
import json

import httpx
import pytest

from tests.local.google_fixtures import PROJECT, InProcess, Json, in_process

BUCKETS = "/storage/storage/v1/b"
BUCKET = f"{BUCKETS}/my-bucket"
UPLOAD = "/storage/upload/storage/v1/b/my-bucket/o"
LIFECYCLE = {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30, "isLive": False}}]}
UNIFORM = {"uniformBucketLevelAccess": {"enabled": True}}
EMAIL = f"lone-account@{PROJECT}.iam.gserviceaccount.com"


@pytest.fixture
def google() -> InProcess:
    google = in_process()
    google.enable_apis("storage.googleapis.com")
    return google


@pytest.fixture
def token(google: InProcess) -> str:
    """The token of an account without any binding."""
    return google.account_token("lone-account")


def make(google: InProcess, **more: object) -> Json:
    return google.ok("POST", f"{BUCKETS}?project={PROJECT}", {"name": "my-bucket", **more})


def put(google: InProcess, name: str, content: bytes, token: str | None = None, query: str = "") -> int:
    headers = {"authorization": f"Bearer {token or google.token}", "content-type": "text/plain"}
    answer = google.http.post(f"{UPLOAD}?uploadType=media&name={name}{query}", content=content, headers=headers)
    return answer.status_code


def refused(
    google: InProcess, code: int, reason: str, verb: str, path: str, body: Json | None = None, **more: str
) -> str:
    """Refused in Cloud Storage's shape, which has no status; the message."""
    answer = google.call(verb, path, body, **more)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["errors"][0]["reason"]) == (code, code, reason), answer.text
    assert "status" not in error
    message: str = error["message"]
    return message


def bind(google: InProcess, role: str, *members: str, **condition: str) -> Json:
    """Add a binding to the bucket's policy, as Terraform does."""
    policy = google.ok("GET", f"{BUCKET}/iam?optionsRequestedPolicyVersion=3")
    entry: Json = {"role": role, "members": list(members)}
    bindings = [*policy["bindings"], {**entry, "condition": condition} if condition else entry]
    return google.ok("PUT", f"{BUCKET}/iam", {"version": 3, "etag": policy["etag"], "bindings": bindings})


def test_a_bucket_reads_back_as_it_was_made_with_what_google_adds(google: InProcess) -> None:
    asked = {"location": "eu", "versioning": {"enabled": True}, "lifecycle": LIFECYCLE, "labels": {"a": "b"}}
    made = make(google, **asked, iamConfiguration={**UNIFORM, "publicAccessPrevention": "enforced"})
    assert google.ok("GET", f"{BUCKET}?projection=noAcl") == made
    assert {key: made[key] for key in asked} == {**asked, "location": "EU"}
    assert made["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert made["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert (made["storageClass"], made["locationType"], made["rpo"]) == ("STANDARD", "multi-region", "DEFAULT")
    assert (made["metageneration"], made["projectNumber"]) == ("1", google.cloud.settings.project_number)
    plain = google.ok("POST", f"{BUCKETS}?project={PROJECT}", {"name": "plain", "location": "europe-west1"})
    assert plain["iamConfiguration"]["uniformBucketLevelAccess"] == {"enabled": False}
    assert plain["locationType"] == "region"
    assert not {"rpo", "lifecycle", "versioning", "labels"} & plain.keys()


def test_a_patch_changes_what_it_names_and_null_takes_away(google: InProcess) -> None:
    before = make(google, labels={"a": "b", "c": "d"}, lifecycle=LIFECYCLE, iamConfiguration=UNIFORM)
    patch = {"labels": {"a": None, "e": "f"}, "lifecycle": {"rule": []}, "versioning": {"enabled": True}}
    after = google.ok("PATCH", BUCKET, patch)
    assert after["labels"] == {"c": "d", "e": "f"}
    assert "lifecycle" not in after
    assert after["versioning"] == {"enabled": True}
    assert after["iamConfiguration"] == before["iamConfiguration"]
    assert after["softDeletePolicy"] == before["softDeletePolicy"]
    assert after["etag"] != before["etag"]
    assert (
        google.ok("PATCH", BUCKET, {"softDeletePolicy": {"retentionDurationSeconds": "0"}})["softDeletePolicy"][
            "retentionDurationSeconds"
        ]
        == "0"
    )
    whole = google.ok("PUT", BUCKET, {"name": "my-bucket", "labels": {"only": "this"}})
    assert whole["labels"] == {"only": "this"}
    assert "versioning" not in whole


@pytest.mark.parametrize(
    "body",
    [
        {"name": "No"},
        {"name": "goog-le"},
        {"name": "my-bucket", "storageClass": "WARM"},
        {"name": "my-bucket", "lifecycle": {"rule": [{"action": {"type": "Burn"}, "condition": {"age": 1}}]}},
        {"name": "my-bucket", "lifecycle": {"rule": [{"action": {"type": "Delete"}}]}},
        {"name": "my-bucket", "softDeletePolicy": {"retentionDurationSeconds": "60"}},
        {"name": "my-bucket", "iamConfiguration": {"publicAccessPrevention": "maybe"}},
        {"name": "my-bucket", "iamConfiguration": "text"},
    ],
)
def test_a_bucket_that_google_refuses_is_refused(google: InProcess, body: Json) -> None:
    refused(google, 400, "invalid", "POST", f"{BUCKETS}?project={PROJECT}", body)


def test_a_bucket_cannot_move(google: InProcess) -> None:
    make(google, location="EU")
    refused(google, 400, "invalid", "PATCH", BUCKET, {"location": "US"})


def test_a_name_is_taken_once_in_all_the_world() -> None:
    google = in_process(more_projects={"another-project": "998877665544"})
    google.enable_apis("storage.googleapis.com")
    enable = "/serviceusage/v1/projects/another-project/services/storage.googleapis.com:enable"
    google.ok("POST", enable, {})
    make(google)
    message = refused(google, 409, "conflict", "POST", f"{BUCKETS}?project={PROJECT}", {"name": "my-bucket"})
    assert message.startswith("Your previous request to create the named bucket succeeded")
    other = f"{BUCKETS}?project=another-project"
    assert "is not available" in refused(google, 409, "conflict", "POST", other, {"name": "my-bucket"})
    assert "items" not in google.ok("GET", other)
    assert [b["name"] for b in google.ok("GET", f"{BUCKETS}?project={PROJECT}")["items"]] == ["my-bucket"]


def test_metageneration_guards_every_change(google: InProcess) -> None:
    make(google)
    for verb in ("PATCH", "PUT", "DELETE"):
        refused(google, 412, "conditionNotMet", verb, f"{BUCKET}?ifMetagenerationMatch=7", {})
    assert google.call("GET", f"{BUCKET}?ifMetagenerationNotMatch=1").status_code == 304
    google.ok("PATCH", f"{BUCKET}?ifMetagenerationMatch=1", {"labels": {"a": "b"}})
    refused(google, 412, "conditionNotMet", "PATCH", f"{BUCKET}?ifMetagenerationMatch=1", {})
    assert google.call("DELETE", f"{BUCKET}?ifMetagenerationMatch=2").status_code == 204
    assert refused(google, 404, "notFound", "GET", BUCKET) == "The specified bucket does not exist."


def test_an_api_that_is_not_enabled_says_so() -> None:
    google = in_process()
    refused(google, 403, "accessNotConfigured", "POST", f"{BUCKETS}?project={PROJECT}", {"name": "my-bucket"})


@pytest.mark.parametrize(
    ("verb", "path", "permission"),
    [
        ("POST", f"{BUCKETS}?project={PROJECT}", "storage.buckets.create"),
        ("POST", f"{BUCKETS}?project=none", "storage.buckets.create"),
        ("GET", f"{BUCKETS}?project={PROJECT}", "storage.buckets.list"),
        ("GET", BUCKET, "storage.buckets.get"),
        ("PATCH", BUCKET, "storage.buckets.update"),
        ("PUT", BUCKET, "storage.buckets.update"),
        ("DELETE", BUCKET, "storage.buckets.delete"),
        ("GET", f"{BUCKET}/iam", "storage.buckets.getIamPolicy"),
        ("PUT", f"{BUCKET}/iam", "storage.buckets.setIamPolicy"),
        ("GET", f"{BUCKET}/o", "storage.objects.list"),
        ("GET", f"{BUCKET}/o/a", "storage.objects.get"),
        ("GET", f"{BUCKET}/o/a?alt=media", "storage.objects.get"),
        ("DELETE", f"{BUCKET}/o/a", "storage.objects.delete"),
        ("POST", f"{UPLOAD}?uploadType=media&name=b", "storage.objects.create"),
    ],
)
def test_every_call_needs_its_permission(google: InProcess, token: str, verb: str, path: str, permission: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    put(google, "a", b"content")
    message = refused(google, 403, "forbidden", verb, path, {"name": "another"}, token=token)
    assert message.startswith(f"{EMAIL} does not have {permission} access to the Google Cloud ")
    assert refused(google, 401, "authError", verb, path, {}, token="garbage") == "Invalid Credentials"


def test_a_new_buckets_policy_gives_its_project_what_google_gives(google: InProcess, token: str) -> None:
    make(google)
    policy = google.ok("GET", f"{BUCKET}/iam")
    assert {binding["role"]: binding["members"] for binding in policy["bindings"]} == {
        "roles/storage.legacyBucketOwner": [f"projectEditor:{PROJECT}", f"projectOwner:{PROJECT}"],
        "roles/storage.legacyBucketReader": [f"projectViewer:{PROJECT}"],
    }
    assert (policy["kind"], policy["resourceId"]) == ("storage#policy", "projects/_/buckets/my-bucket")
    google.grant("roles/viewer", f"serviceAccount:{EMAIL}")
    google.ok("GET", BUCKET, token=token)
    refused(google, 403, "forbidden", "PATCH", BUCKET, {}, token=token)
    # Without these bindings not even the project's owner can look into it.
    google.ok("PUT", f"{BUCKET}/iam", {"etag": policy["etag"], "bindings": []})
    refused(google, 403, "forbidden", "GET", BUCKET)
    refused(google, 403, "forbidden", "GET", BUCKET, token=token)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("roles/storage.objectViewer", (200, 403, 403)),
        ("roles/storage.objectCreator", (403, 200, 403)),
        ("roles/storage.objectAdmin", (200, 200, 204)),
        ("roles/storage.legacyBucketReader", (403, 403, 403)),
    ],
)
def test_a_role_on_the_bucket_opens_what_it_names(
    google: InProcess, token: str, role: str, may: tuple[int, int, int]
) -> None:
    make(google, iamConfiguration=UNIFORM)
    put(google, "a", b"content")
    bind(google, role, f"serviceAccount:{EMAIL}")
    read = google.call("GET", f"{BUCKET}/o/a?alt=media", token=token).status_code
    assert (read, put(google, "b", b"", token), google.call("DELETE", f"{BUCKET}/o/a", token=token).status_code) == may


def test_overwriting_needs_the_right_to_delete(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    bind(google, "roles/storage.objectCreator", f"serviceAccount:{EMAIL}")
    assert put(google, "a", b"1", token) == 200
    assert put(google, "a", b"2", token) == 403


def test_a_role_on_the_project_reaches_every_bucket(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    google.grant("roles/storage.admin", f"serviceAccount:{EMAIL}")
    google.ok("GET", f"{BUCKET}/iam", token=token)
    assert put(google, "a", b"", token) == 200


def test_a_condition_on_the_bucket_is_heeded_for_each_object(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    for name in ("open/a", "shut/a"):
        put(google, name, b"content")
    expression = "resource.name.startsWith('projects/_/buckets/my-bucket/objects/open/')"
    role = "roles/storage.objectViewer"
    answer = bind(google, role, f"serviceAccount:{EMAIL}", title="open", expression=expression)
    assert answer["version"] == 3
    google.call("GET", f"{BUCKET}/o/open%2Fa", token=token).raise_for_status()
    refused(google, 403, "forbidden", "GET", f"{BUCKET}/o/shut%2Fa", token=token)
    assert "_withcond_" in str(google.ok("GET", f"{BUCKET}/iam"))


def test_a_condition_on_the_project_may_name_kind_and_bucket(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    google.ok("POST", f"{BUCKETS}?project={PROJECT}", {"name": "other-bucket", "iamConfiguration": UNIFORM})
    expression = (
        "resource.type == 'storage.googleapis.com/Bucket' && resource.service == 'storage.googleapis.com'"
        " && resource.name == 'projects/_/buckets/my-bucket'"
    )
    condition = {"title": "one", "expression": expression}
    google.grant("roles/storage.admin", f"serviceAccount:{EMAIL}", condition=condition)
    google.ok("GET", BUCKET, token=token)
    refused(google, 403, "forbidden", "GET", f"{BUCKETS}/other-bucket", token=token)
    assert put(google, "a", b"", token) == 403
    refused(google, 403, "forbidden", "GET", f"{BUCKETS}?project={PROJECT}", token=token)


def test_a_condition_needs_uniform_access(google: InProcess) -> None:
    make(google)
    condition = {"title": "t", "expression": "resource.name == ''"}
    binding = {"role": "roles/storage.objectViewer", "members": ["user:x@y.z"], "condition": condition}
    refused(google, 400, "invalid", "PUT", f"{BUCKET}/iam", {"version": 3, "bindings": [binding]})


def test_a_stale_policy_is_refused_with_412_where_other_apis_say_409(google: InProcess) -> None:
    make(google)
    policy = google.ok("GET", f"{BUCKET}/iam")
    google.ok("PUT", f"{BUCKET}/iam", policy)
    refused(google, 412, "conditionNotMet", "PUT", f"{BUCKET}/iam", policy)
    assert google.ok("GET", BUCKET)["metageneration"] == "2"


@pytest.mark.parametrize(
    "binding",
    [
        {"role": "roles/bigquery.dataViewer", "members": ["user:x@y.z"]},
        {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:nobody@{PROJECT}.iam.gserviceaccount.com"]},
        {"role": "roles/storage.objectViewer", "members": ["nonsense"]},
    ],
)
def test_a_policy_that_google_refuses_is_refused(google: InProcess, binding: Json) -> None:
    make(google)
    refused(google, 400, "invalid", "PUT", f"{BUCKET}/iam", {"bindings": [binding]})


def test_public_access_prevention_keeps_the_public_out(google: InProcess, token: str) -> None:
    make(google)
    bind(google, "roles/storage.objectViewer", "allUsers")
    google.ok("PATCH", BUCKET, {"iamConfiguration": {"publicAccessPrevention": "enforced"}})
    binding = {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
    refused(google, 412, "conditionNotMet", "PUT", f"{BUCKET}/iam", {"bindings": [binding]})
    roles = f"/iam/v1/projects/{PROJECT}/roles"
    google.ok("POST", roles, {"roleId": "updater", "role": {"includedPermissions": ["storage.buckets.update"]}})
    google.grant(f"projects/{PROJECT}/roles/updater", f"serviceAccount:{EMAIL}")
    google.ok("PATCH", BUCKET, {"labels": {"a": "b"}}, token=token)
    body = {"iamConfiguration": {"publicAccessPrevention": "inherited"}}
    assert "storage.buckets.setIamPolicy" in refused(google, 403, "forbidden", "PATCH", BUCKET, body, token=token)


def test_test_permissions_answers_what_the_caller_holds(google: InProcess, token: str) -> None:
    make(google)
    path = f"{BUCKET}/iam/testPermissions?permissions=storage.buckets.get&permissions=storage.objects.get"
    assert google.ok("GET", path)["permissions"] == ["storage.buckets.get"]
    assert "permissions" not in google.ok("GET", path, token=token)


def test_objects_go_in_and_come_out_whole_and_in_parts(google: InProcess) -> None:
    make(google)
    content = bytes(range(256)) + b"\r\n--edge\r\n"
    assert put(google, "folder%2Fa", content) == 200
    for path in (f"{BUCKET}/o/folder%2Fa", "/storage/download/storage/v1/b/my-bucket/o/folder%2Fa"):
        answer = google.call("GET", f"{path}?alt=media")
        assert (answer.content, answer.headers["content-type"]) == (content, "text/plain")
        assert answer.headers["x-goog-hash"].startswith("crc32c=")
    part = google.call("GET", f"{BUCKET}/o/folder%2Fa?alt=media", range="bytes=2-4")
    assert (part.status_code, part.content) == (206, content[2:5])
    assert part.headers["content-range"] == f"bytes 2-4/{len(content)}"
    assert google.call("GET", f"{BUCKET}/o/folder%2Fa?alt=media", range="bytes=999-").status_code == 416
    told = google.ok("GET", f"{BUCKET}/o/folder%2Fa")
    assert (told["name"], told["size"], told["contentType"]) == ("folder/a", str(len(content)), "text/plain")


@pytest.mark.parametrize("path", [UPLOAD, UPLOAD.removeprefix("/storage")])
def test_a_multipart_upload_says_name_and_metadata(google: InProcess, path: str) -> None:
    make(google)
    content = b"\r\n--other\r\n\x00\xff\r\n"
    words = {"name": "a", "metadata": {"k": "v"}, "contentType": "text/csv"}
    body = b"--edge\r\ncontent-type: application/json\r\n\r\n" + json.dumps(words).encode()
    body += b"\r\n--edge\r\nContent-Type: text/plain\r\n\r\n" + content + b"\r\n--edge--\r\n"
    headers = {"authorization": f"Bearer {google.token}", "content-type": 'multipart/related; boundary="edge"'}
    answer = google.http.post(f"{path}?uploadType=multipart", content=body, headers=headers)
    assert {key: answer.json()[key] for key in words} == words
    assert google.call("GET", f"{BUCKET}/o/a?alt=media").content == content
    for broken in (body.replace(b"edge--", b"edge"), body.replace(b"{", b"", 1), b""):
        assert google.http.post(f"{path}?uploadType=multipart", content=broken, headers=headers).status_code == 400


def resumable(google: InProcess, query: str = "", token: str | None = None) -> str:
    """Announce an upload of the object a; where to send it."""
    headers = {"authorization": f"Bearer {token or google.token}", "x-upload-content-type": "text/csv"}
    announced = json.dumps({"name": "a", "metadata": {"k": "v"}}).encode()
    answer = google.http.post(f"{UPLOAD}?uploadType=resumable{query}", content=announced, headers=headers)
    assert answer.status_code == 200, answer.text
    location: str = answer.headers["location"]
    return location


def send(google: InProcess, location: str, content: bytes, span: str, **more: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {google.token}", "content-range": f"bytes {span}", **more}
    return google.http.put(location, content=content, headers=headers)


def test_a_resumable_upload_comes_in_parts_and_is_an_object_only_at_the_end(google: InProcess) -> None:
    make(google)
    location = resumable(google)
    first = send(google, location, b"abc", "0-2/6")
    assert (first.status_code, first.headers["range"]) == (308, "bytes=0-2")
    # Google's Go client cannot read a 308.
    told = send(google, location, b"", "*/6", **{"x-guploader-no-308": "yes"})
    assert (told.status_code, told.headers["x-http-status-code-override"]) == (200, "308")
    refused(google, 404, "notFound", "GET", f"{BUCKET}/o/a")
    assert send(google, location, b"x", "9-9/10").status_code == 416
    assert send(google, location, b"x", "nonsense").status_code == 400
    # What was lost on the way is sent again; Google's Go client sends by POST, where others PUT.
    headers = {"authorization": f"Bearer {google.token}", "content-range": "bytes 2-5/6"}
    made = google.http.post(location, content=b"cdef", headers=headers).json()
    assert (made["size"], made["contentType"], made["metadata"]) == ("6", "text/csv", {"k": "v"})
    assert google.call("GET", f"{BUCKET}/o/a?alt=media").content == b"abcdef"
    assert send(google, location, b"", "*/6").status_code == 404


def test_an_upload_is_its_announcers_and_heeds_the_announced_precondition(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    bind(google, "roles/storage.objectAdmin", f"serviceAccount:{EMAIL}")
    location = resumable(google, "&ifGenerationMatch=0")
    stranger = {"authorization": f"Bearer {token}"}
    assert google.http.put(location, content=b"mine", headers=stranger).status_code == 404
    put(google, "a", b"first")
    assert send(google, location, b"second", "0-5/6").status_code == 412
    assert google.call("GET", f"{BUCKET}/o/a?alt=media").content == b"first"
    headers = {"authorization": f"Bearer {google.token}"}
    late = google.http.post(f"{UPLOAD}?uploadType=resumable&name=a&ifGenerationMatch=0", headers=headers)
    assert late.status_code == 412


def test_checksums_that_do_not_fit_are_refused(google: InProcess) -> None:
    make(google)
    words = {"name": "a", "md5Hash": base64.b64encode(bytes(16)).decode()}
    body = f"--e\r\ncontent-type: application/json\r\n\r\n{json.dumps(words)}\r\n--e\r\na: b\r\n\r\nx\r\n--e--"
    headers = {"authorization": f"Bearer {google.token}", "content-type": "multipart/related; boundary=e"}
    answer = google.http.post(f"{UPLOAD}?uploadType=multipart", content=body, headers=headers)
    assert answer.status_code == 400
    assert "md5Hash" in answer.json()["error"]["message"]


def test_a_generation_guards_an_object(google: InProcess) -> None:
    make(google)
    assert put(google, "a", b"1", query="&ifGenerationMatch=0") == 200
    assert put(google, "a", b"2", query="&ifGenerationMatch=0") == 412
    generation = google.ok("GET", f"{BUCKET}/o/a")["generation"]
    assert put(google, "a", b"2", query=f"&ifGenerationMatch={generation}") == 200
    refused(google, 412, "conditionNotMet", "DELETE", f"{BUCKET}/o/a?ifGenerationMatch={generation}")
    refused(google, 404, "notFound", "GET", f"{BUCKET}/o/a?generation={generation}")


def test_a_versioned_bucket_keeps_generations_and_is_emptied_of_them_as_terraform_does(google: InProcess) -> None:
    make(google, versioning={"enabled": True})
    for content in (b"1", b"2"):
        put(google, "a", content)
    google.call("DELETE", f"{BUCKET}/o/a").raise_for_status()
    assert "items" not in google.ok("GET", f"{BUCKET}/o")
    refused(google, 404, "notFound", "GET", f"{BUCKET}/o/a")
    kept = google.ok("GET", f"{BUCKET}/o?versions=true")["items"]
    assert len(kept) == 2
    assert all("timeDeleted" in item for item in kept)
    assert "not empty" in refused(google, 409, "conflict", "DELETE", BUCKET)
    for item in kept:
        path = f"{BUCKET}/o/a?generation={item['generation']}"
        assert google.call("DELETE", path).status_code == 204
    assert google.call("DELETE", BUCKET).status_code == 204


def test_a_listing_comes_in_pages_and_folders(google: InProcess) -> None:
    make(google)
    for name in ("a", "b%2F1", "b%2F2", "c"):
        put(google, name, b"")
    first = google.ok("GET", f"{BUCKET}/o?maxResults=3")
    rest = google.ok("GET", f"{BUCKET}/o?maxResults=3&pageToken={first['nextPageToken']}")
    assert [item["name"] for item in [*first["items"], *rest["items"]]] == ["a", "b/1", "b/2", "c"]
    folded = google.ok("GET", f"{BUCKET}/o?delimiter=/")
    assert ([item["name"] for item in folded["items"]], folded["prefixes"]) == (["a", "c"], ["b/"])
    assert [item["name"] for item in google.ok("GET", f"{BUCKET}/o?prefix=b/&delimiter=/")["items"]] == ["b/1", "b/2"]


def test_that_an_object_is_missing_is_told_to_whoever_may_list(google: InProcess, token: str) -> None:
    make(google, iamConfiguration=UNIFORM)
    for role, verdict in (("roles/storage.objectCreator", 403), ("roles/storage.objectViewer", 404)):
        bind(google, role, f"serviceAccount:{EMAIL}")
        assert google.call("GET", f"{BUCKET}/o/none", token=token).status_code == verdict
    refused(google, 404, "notFound", "DELETE", f"{BUCKET}/o/none")


def test_without_uniform_access_an_object_belongs_to_whoever_made_it(google: InProcess, token: str) -> None:
    make(google)
    put(google, "not-mine", b"1")
    bind(google, "roles/storage.legacyBucketWriter", f"serviceAccount:{EMAIL}")
    assert put(google, "mine", b"1", token) == 200
    assert google.call("GET", f"{BUCKET}/o/mine?alt=media", token=token).content == b"1"
    refused(google, 403, "forbidden", "GET", f"{BUCKET}/o/not-mine", token=token)


def test_a_bucket_made_again_starts_with_its_own_policy(google: InProcess, token: str) -> None:
    make(google)
    bind(google, "roles/storage.admin", f"serviceAccount:{EMAIL}")
    google.call("DELETE", BUCKET).raise_for_status()
    make(google)
    refused(google, 403, "forbidden", "GET", BUCKET, token=token)
