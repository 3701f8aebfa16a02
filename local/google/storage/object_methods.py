"""Cloud Storage's JSON API for objects: list, upload, read, delete.

https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from starlette.responses import JSONResponse, Response

from local.google.audit import DATA_READ, DATA_WRITE
from local.google.errors import GoogleError, invalid_argument
from local.google.methods import Call, Json, Method
from local.google.policies import Binding
from local.google.storage.bucket_methods import BUCKET, endpoint, found, pages, require_permission
from local.google.storage.buckets import Bucket
from local.google.storage.media import answer, multipart
from local.google.storage.objects import StoredObject, number, require_match, written

OBJECTS = BUCKET + "/o"
OBJECT = OBJECTS + "/{object:path}"
UPLOAD = "/upload" + OBJECTS
DOWNLOAD = "/download" + OBJECT
CREATE, DELETE, GET = "storage.objects.create", "storage.objects.delete", "storage.objects.get"


def _permitted(call: Call, permission: str, name: str) -> Bucket:
    """The bucket in the path, if the caller may do this to its object `name`."""
    bucket = found(call)
    call.entry.resource = f"{bucket.resource}/objects/{name}"
    require_permission(call, permission, call.entry.resource, bucket.resource, bucket.project.resource)
    return bucket


def list_objects(call: Call) -> Json:
    """objects.list: live objects, or with `versions` every generation; `delimiter` folds what lies deeper."""
    bucket = found(call, "storage.objects.list")
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    every = call.query.get("versions", "").lower() == "true"
    items, folded = [], set()
    for name in sorted(name for name in bucket.objects if name.startswith(prefix)):
        head, deeper, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        shown = [o for o in bucket.objects[name] if every or o.deleted is None]
        if deeper and shown:
            folded.add(prefix + head + deeper)
        else:
            items += [o.json(endpoint(call)) for o in shown]
    return pages(call, "storage#objects", items, folded)


def get(call: Call) -> Response:
    """objects.get: metadata, or the content with alt=media."""
    name = call.path["object"]
    kept = _permitted(call, GET, name).find(name, number(call.query, "generation"))
    try:
        require_match(call.query, kept)
    except GoogleError:
        if any(key.endswith("NotMatch") for key in call.query):
            return Response(status_code=304)
        raise
    if call.query.get("alt") == "media":
        return answer(kept, call.headers.get("range", ""))
    return JSONResponse(kept.json(endpoint(call)))


def delete(call: Call) -> Response:
    """objects.delete"""
    name, generation = call.path["object"], number(call.query, "generation")
    bucket = _permitted(call, DELETE, name)
    require_match(call.query, bucket.find(name, generation))
    bucket.delete(name, generation)
    return Response(status_code=204)


def upload(call: Call) -> Response:
    """objects.insert: media, multipart, or the announcement of a resumable upload."""
    kind = call.query.get("uploadType")
    if kind == "multipart":
        document, content_type, content = multipart(call.headers.get("content-type", ""), call.raw)
    elif kind == "media":
        document, content_type, content = {}, call.headers.get("content-type", ""), call.raw
    else:
        raise invalid_argument("uploadType must be media or multipart; resumable uploads are not emulated.")
    name = str(document.get("name") or call.query.get("name") or "")
    if not name or len(name.encode()) > 1024 or any(character in name for character in "\r\n"):
        raise invalid_argument("An object's name has 1 to 1,024 bytes, and no line break.")
    document = {"contentType": content_type, **document}
    return JSONResponse(_stored(call, name, document, content).json(endpoint(call)))


def _stored(call: Call, name: str, document: Json, content: bytes) -> StoredObject:
    bucket = _permitted(call, CREATE, name)
    live = bucket.live(name)
    if live:
        _permitted(call, DELETE, name)
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
    Method("GET", OBJECTS, "storage.objects.list", list_objects, data=DATA_READ),
    Method("GET", OBJECT, "storage.objects.get", get, data=DATA_READ),
    Method("GET", DOWNLOAD, "storage.objects.get", get, data=DATA_READ),
    Method("DELETE", OBJECT, "storage.objects.delete", delete, data=DATA_WRITE),
]
UPLOADS = [Method("POST", UPLOAD, "storage.objects.create", upload, raw=True, data=DATA_WRITE)]
