"""What stands in a request's body: read within limits, taken apart with a complaint where its shape is another."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from local.google.errors import GoogleError, invalid_argument

Json = dict[str, Any]
MAX_BODY = 1024 * 1024


async def read_json(request: Request) -> Json:
    """The JSON object in a request's body; an empty body is an empty object."""
    raw = await read_body(request, MAX_BODY)
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise invalid_argument("Invalid JSON payload received. Root element must be a message.")
    return body


async def read_body(request: Request, limit: int) -> bytes:
    """A request's body, or 413 as soon as it is over `limit` bytes."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise GoogleError(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
    return bytes(raw)


def message(body: Mapping[str, Any], key: str) -> Json:
    """The object under `key`, an empty one when there is none, or 400."""
    value = body.get(key) or {}
    if not isinstance(value, dict):
        raise invalid_argument(f"Invalid value at '{key}': an object is expected.")
    return value


def strings(body: Mapping[str, Any], key: str) -> list[str]:
    """The list of strings under `key`, an empty one when there is none, or 400."""
    value = body.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_argument(f"Invalid value at '{key}': a list of strings is expected.")
    return value
