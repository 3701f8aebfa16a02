"""Cloud Storage's JSON API for buckets and their policies.

https://cloud.google.com/storage/docs/json_api/v1/buckets
https://cloud.google.com/storage/docs/access-control/iam-json
"""

from collections.abc import Collection
from typing import Any

from starlette.responses import Response

from local.google.api.storage.refusals import denied
from local.google.errors import GoogleError, invalid_argument
from local.google.http.admission import require_enabled
from local.google.http.methods import Call, Json, Method
from local.google.http.patch import merged
from local.google.http.policy_methods import get_policy, held_permissions, replace_policy
from local.google.iam.policy_documents import PUBLIC
from local.google.iam.roles.definition import BUCKET as KIND
from local.google.projects import Project
from local.google.state.bucket_configuration import FIELDS, FIXED
from local.google.state.buckets import Bucket
from local.google.state.objects import precondition_failed, require

HOST = "storage.googleapis.com"
BUCKETS = "/storage/v1/b"
BUCKET = BUCKETS + "/{bucket}"
GET_POLICY, SET_POLICY = "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"
NOT_PUBLIC = (
    "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced."
)


def endpoint(call: Call) -> str:
    """Where the caller reached this API."""
    return f"http://{call.headers.get('host', 'storage.googleapis.com')}/storage"


def require_permission(call: Call, permission: str, *resources: str) -> None:
    """403 in Cloud Storage's words unless the caller holds the permission on the first, or on one above it."""
    call.entry.resource = call.entry.resource or resources[0]
    if not call.cloud.access.allowed(call.principal, permission, *resources):
        raise denied(call.principal, permission, resources[0])


def found(call: Call, *permissions: str) -> Bucket:
    """The bucket in the path, if the caller may do these things to it."""
    bucket = call.cloud.buckets.get(call.path["bucket"])
    require_enabled(call.cloud, HOST, {"project": bucket.project.id})
    call.entry.resource = bucket.resource
    for permission in permissions:
        require_permission(call, permission, bucket.resource, bucket.project.resource)
    return bucket


def _project(call: Call, permission: str) -> Project:
    name = call.query.get("project", "")
    if not name:
        raise invalid_argument("Required parameter: project")
    project = call.cloud.projects.find(name)
    if project is None:
        raise denied(call.principal, permission, f"projects/{name}")
    require_enabled(call.cloud, HOST, {"project": project.id})
    require_permission(call, permission, project.resource)
    return project


def insert(call: Call) -> Json:
    """buckets.insert"""
    project = _project(call, "storage.buckets.create")
    bucket = call.cloud.buckets.create(project, call.body)
    call.entry.resource = bucket.resource
    return bucket.json(endpoint(call))


def list_buckets(call: Call) -> Json:
    """buckets.list"""
    project, prefix = _project(call, "storage.buckets.list"), call.query.get("prefix", "")
    items = [b.json(endpoint(call)) for b in call.cloud.buckets.of(project) if b.name.startswith(prefix)]
    return pages(call, "storage#buckets", items)


def get(call: Call) -> Json | Response:
    """buckets.get"""
    bucket = found(call, "storage.buckets.get")
    try:
        require(call.query, "ifMetageneration", bucket.metageneration)
    except GoogleError:
        if "ifMetagenerationNotMatch" in call.query:
            return Response(status_code=304)
        raise
    return bucket.json(endpoint(call))


def patch(call: Call) -> Json:
    """buckets.patch: what the body names, null taking a field away."""
    bucket = found(call, "storage.buckets.update")
    return _changed(call, bucket, merged(bucket.document, call.body))


def update(call: Call) -> Json:
    """buckets.update: the whole configuration anew."""
    bucket = found(call, "storage.buckets.update")
    kept = {key: bucket.document[key] for key in FIXED if key in bucket.document}
    return _changed(call, bucket, kept | {key: call.body[key] for key in FIELDS if key in call.body})


def _changed(call: Call, bucket: Bucket, document: Json) -> Json:
    require(call.query, "ifMetageneration", bucket.metageneration)
    before = bucket.document["iamConfiguration"]["publicAccessPrevention"]
    access: dict[str, Any] = document.get("iamConfiguration") or {}
    if isinstance(access, dict) and access.get("publicAccessPrevention", before) != before:
        require_permission(call, SET_POLICY, bucket.resource, bucket.project.resource)
    bucket.change(document)
    return bucket.json(endpoint(call))


def delete(call: Call) -> Response:
    """buckets.delete: of an empty one."""
    bucket = found(call, "storage.buckets.delete")
    require(call.query, "ifMetageneration", bucket.metageneration)
    call.cloud.buckets.delete(bucket)
    return Response(status_code=204)


def get_iam_policy(call: Call) -> Json:
    """buckets.getIamPolicy"""
    bucket = found(call, GET_POLICY)
    return _policy(bucket, get_policy(call, GET_POLICY, bucket.resource, bucket.project.resource))


def set_iam_policy(call: Call) -> Json:
    """buckets.setIamPolicy: the body is the policy. A stale etag is 412 here, where other APIs say 409."""
    bucket = found(call, SET_POLICY)
    bindings = call.cloud.documents.read(call.body, KIND)
    public = any(binding.members & set(PUBLIC) for binding in bindings)
    if public and bucket.document["iamConfiguration"]["publicAccessPrevention"] == "enforced":
        raise GoogleError(412, "FAILED_PRECONDITION", NOT_PUBLIC)
    if not bucket.uniform and any(binding.condition for binding in bindings):
        raise invalid_argument("IAM conditions need uniform bucket-level access to be enabled on the bucket.")
    try:
        answer = replace_policy(call, KIND, bucket.resource, call.body)
    except GoogleError as error:
        raise (precondition_failed() if error.status == "ABORTED" else error) from error
    bucket.touch()
    return _policy(bucket, answer)


def _policy(bucket: Bucket, document: Json) -> Json:
    return {"kind": "storage#policy", "resourceId": bucket.resource, **document}


def test_iam_permissions(call: Call) -> Json:
    """buckets.testIamPermissions"""
    bucket = found(call)
    asked = call.query.getlist("permissions")
    held = held_permissions(call, asked, bucket.resource, bucket.project.resource)
    return {"kind": "storage#testIamPermissionsResponse", **held}


def pages(call: Call, kind: str, items: list[Json], prefixes: Collection[str] = ()) -> Json:
    """One page of a listing, as maxResults and pageToken ask."""
    try:
        size = min(int(call.query.get("maxResults") or 1000), 1000)
        start = int(call.query.get("pageToken") or 0)
    except ValueError as error:
        raise invalid_argument("Invalid maxResults or pageToken.") from error
    if size < 1 or start < 0:
        raise invalid_argument("Invalid maxResults or pageToken.")
    answer: Json = {"kind": kind}
    if items:
        answer["items"] = items[start : start + size]
    if prefixes:
        answer["prefixes"] = sorted(prefixes)
    return {**answer, "nextPageToken": str(start + size)} if start + size < len(items) else answer


METHODS = [
    Method("POST", BUCKETS, "storage.buckets.create", insert),
    Method("GET", BUCKETS, "storage.buckets.list", list_buckets),
    Method("GET", BUCKET, "storage.buckets.get", get),
    Method("PATCH", BUCKET, "storage.buckets.update", patch),
    Method("PUT", BUCKET, "storage.buckets.update", update),
    Method("DELETE", BUCKET, "storage.buckets.delete", delete),
    Method("GET", BUCKET + "/iam", "storage.getIamPermissions", get_iam_policy),
    Method("PUT", BUCKET + "/iam", "storage.setIamPermissions", set_iam_policy),
    Method("GET", BUCKET + "/iam/testPermissions", "storage.testIamPermissions", test_iam_permissions),
]
