"""Cloud Storage's JSON API for objects: list, read, delete.

https://cloud.google.com/storage/docs/json_api/v1/objects
"""

from starlette.responses import JSONResponse, Response

from local.google.api.storage.bucket_methods import BUCKET, endpoint, found, pages
from local.google.api.storage.media import answer
from local.google.api.storage.uploads import permitted
from local.google.errors import GoogleError
from local.google.http.methods import Call, Json, Method
from local.google.state.audit import DATA_READ, DATA_WRITE
from local.google.state.objects import number, require_match

OBJECTS = BUCKET + "/o"
OBJECT = OBJECTS + "/{object:path}"
DOWNLOAD = "/download" + OBJECT
DELETE, GET = "storage.objects.delete", "storage.objects.get"


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
    kept = permitted(call, GET, name).find(name, number(call.query, "generation"))
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
    bucket = permitted(call, DELETE, name)
    require_match(call.query, bucket.find(name, generation))
    bucket.delete(name, generation)
    return Response(status_code=204)


METHODS = [
    Method("GET", OBJECTS, "storage.objects.list", list_objects, data=DATA_READ),
    Method("GET", OBJECT, "storage.objects.get", get, data=DATA_READ),
    Method("GET", DOWNLOAD, "storage.objects.get", get, data=DATA_READ),
    Method("DELETE", OBJECT, "storage.objects.delete", delete, data=DATA_WRITE),
]
