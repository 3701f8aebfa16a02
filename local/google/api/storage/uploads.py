"""objects.insert in its three ways: the content alone, with its metadata in one body, or announced and then sent.

https://cloud.google.com/storage/docs/uploads-downloads
"""

import json
import re
import secrets

from starlette.responses import JSONResponse, Response

from local.google.api.storage.bucket_methods import BUCKET, endpoint, found, require_permission
from local.google.api.storage.media import multipart
from local.google.api.storage.refusals import denied
from local.google.errors import GoogleError, invalid_argument, not_found
from local.google.http.methods import Call, Json, Method
from local.google.iam.policies import Binding
from local.google.state.audit import DATA_WRITE
from local.google.state.buckets import Bucket
from local.google.state.objects import StoredObject, Upload, require_match, written

PATH = "/upload" + BUCKET + "/o"
CREATE, DELETE, LIST = "storage.objects.create", "storage.objects.delete", "storage.objects.list"
RANGE = re.compile(r"bytes (?:(?P<start>[0-9]+)-(?P<end>[0-9]+)|\*)/(?P<total>[0-9]+|\*)")
MAX_OBJECT = 256 * 1024 * 1024


def permitted(call: Call, permission: str, name: str) -> Bucket:
    """The bucket in the path, if the caller may do this to its object `name`.

    Of an object that does not exist only those learn that, who may list the bucket's objects.
    """
    bucket = found(call)
    call.entry.resource = f"{bucket.resource}/objects/{name}"
    listed = call.cloud.access.allowed(call.principal, LIST, bucket.resource, bucket.project.resource)
    if permission != CREATE and name not in bucket.objects:
        raise bucket.no_such(name) if listed else denied(call.principal, permission, call.entry.resource)
    require_permission(call, permission, call.entry.resource, bucket.resource, bucket.project.resource)
    return bucket


def insert(call: Call) -> Response:
    """objects.insert; a resumable upload is only announced here. Google's Go client sends the content by POST too."""
    if "upload_id" in call.query:
        return resume(call)
    kind, content_type = call.query.get("uploadType"), call.headers.get("content-type", "")
    if kind == "multipart":
        document, content_type, content = multipart(content_type, call.raw)
    elif kind == "media":
        document, content = {}, call.raw
    elif kind == "resumable":
        document, content_type, content = _announced(call.raw), call.headers.get("x-upload-content-type", ""), b""
    else:
        raise invalid_argument("uploadType must be media, multipart or resumable.")
    name = str(document.get("name") or call.query.get("name") or "")
    if not name or len(name.encode()) > 1024 or any(character in name for character in "\r\n"):
        raise invalid_argument("An object's name has 1 to 1,024 bytes, and no line break.")
    document = {"contentType": content_type, **document}
    if kind == "resumable":
        return _begun(call, Upload(call.principal.name, name, document))
    return JSONResponse(_stored(call, name, document, content).json(endpoint(call)))


def resume(call: Call) -> Response:
    """The content of a resumable upload, whole or in parts, or the question how much of it has come."""
    session = call.cloud.buckets.uploads.get(call.query.get("upload_id", ""))
    if session is None or session.principal != call.principal.name:
        raise not_found("The upload session does not exist.")
    match = RANGE.fullmatch(call.headers.get("content-range") or f"bytes */{len(call.raw)}")
    if match is None:
        raise invalid_argument("The Content-Range header is malformed.")
    start = int(match["start"]) if match["start"] else len(session.content)
    if start > len(session.content) or start + len(call.raw) > MAX_OBJECT:
        raise GoogleError(416, "OUT_OF_RANGE", "The requested range cannot be satisfied.")
    session.content[start:] = call.raw or session.content[start:]
    if match["total"] == "*" or len(session.content) < int(match["total"]):
        return _incomplete(call, session)
    made = _stored(call, session.name, session.document, bytes(session.content))
    del call.cloud.buckets.uploads[call.query["upload_id"]]
    return JSONResponse(made.json(endpoint(call)))


def _announced(raw: bytes) -> Json:
    try:
        document = json.loads(raw or b"{}")
    except ValueError as error:
        raise invalid_argument(f"The metadata is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise invalid_argument("The metadata is no JSON object.")
    return document


def _begun(call: Call, session: Upload) -> Response:
    bucket, upload_id = permitted(call, CREATE, session.name), secrets.token_urlsafe(24)
    require_match(call.query, bucket.live(session.name))
    call.cloud.buckets.uploads[upload_id] = session
    kept = "".join(f"&{key}={value}" for key, value in call.query.items() if key.startswith("if"))
    path = f"{endpoint(call)}/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&upload_id={upload_id}{kept}"
    return Response(status_code=200, headers={"location": path, "x-guploader-uploadid": upload_id})


def _incomplete(call: Call, session: Upload) -> Response:
    """308, or 200 with a header instead for Google's Go client, which asks for that."""
    headers = {"range": f"bytes=0-{len(session.content) - 1}"} if session.content else {}
    if call.headers.get("x-guploader-no-308") == "yes":
        return Response(status_code=200, headers={**headers, "x-http-status-code-override": "308"})
    return Response(status_code=308, headers=headers)


def _stored(call: Call, name: str, document: Json, content: bytes) -> StoredObject:
    bucket = permitted(call, CREATE, name)
    live = bucket.live(name)
    if live:
        permitted(call, DELETE, name)
    require_match(call.query, live)
    made = bucket.put(name, written(document, content), content)
    if not bucket.uniform:
        call.cloud.policies.begin(made.resource, _default_acl(call, bucket))
    return made


def _default_acl(call: Call, bucket: Bucket) -> list[Binding]:
    """What an object in a bucket without uniform access gives to its project and to whoever made it."""
    groups = {f"{group}:{bucket.project.id}" for group in ("projectOwner", "projectEditor")}
    makers = frozenset(groups | {i for i in call.principal.identifiers if i.startswith(("user:", "serviceAccount:"))})
    readers = frozenset({f"projectViewer:{bucket.project.id}"})
    return [
        Binding("roles/storage.legacyObjectOwner", makers),
        Binding("roles/storage.legacyObjectReader", readers),
    ]


METHODS = [
    Method("POST", PATH, "storage.objects.create", insert, raw=True, data=DATA_WRITE),
    Method("PUT", PATH, "storage.objects.create", resume, raw=True, data=DATA_WRITE),
]
