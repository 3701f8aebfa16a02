"""The content of objects on its way in and out: multipart bodies, and ranges of bytes."""

import json
import re
from typing import Any

from starlette.responses import Response

from local.google.errors import GoogleError, invalid_argument
from local.google.state.objects import StoredObject

BOUNDARY = re.compile(r"""multipart/related;.*?boundary=(?:"([^"]+)"|'([^']+)'|([^\s;]+))""", re.IGNORECASE | re.DOTALL)
RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


def multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """Metadata, content type and content of a multipart/related upload, or 400."""
    match = BOUNDARY.match(content_type)
    if not match:
        raise invalid_argument("Content type for multipart upload must be multipart/related with a boundary.")
    line = b"\r\n--" + str(match[1] or match[2] or match[3]).encode()
    pieces = (b"\r\n" + body).split(line)[1:]
    if len(pieces) != 3 or not pieces[2].startswith(b"--"):
        raise invalid_argument("A multipart upload has two parts: metadata and media.")
    _, metadata = _part(pieces[0])
    media_type, content = _part(pieces[1])
    try:
        document = json.loads(metadata)
    except ValueError as error:
        raise invalid_argument(f"The metadata part is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise invalid_argument("The metadata part is no JSON object.")
    return document, media_type, content


def _part(piece: bytes) -> tuple[str, bytes]:
    """The content type and the body of one part."""
    head, found, body = piece.lstrip(b" \t").partition(b"\r\n\r\n")
    if not found:
        raise invalid_argument("A part of the multipart upload has no header.")
    headers = dict(line.split(":", 1) for line in head.decode("latin-1").split("\r\n") if ":" in line)
    return next((v.strip() for k, v in headers.items() if k.lower() == "content-type"), ""), body


def answer(kept: StoredObject, asked: str) -> Response:
    """The content, or the range of it that was asked for."""
    content, size, status = kept.content, len(kept.content), 200
    headers = {
        "content-type": str(kept.document.get("contentType") or "application/octet-stream"),
        "x-goog-generation": str(kept.generation),
        "x-goog-metageneration": str(kept.metageneration),
        "x-goog-hash": f"crc32c={kept.crc32c},md5={kept.md5}",
    }
    match = RANGE.fullmatch(asked)
    if match and (match[1] or match[2]):
        start, end = _bounds(match, size)
        content, status = content[start:end], 206
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return Response(content, status, headers)


def _bounds(match: re.Match[str], size: int) -> tuple[int, int]:
    start = int(match[1]) if match[1] else max(0, size - int(match[2]))
    end = min(size, int(match[2]) + 1) if match[1] and match[2] else size
    if start >= end:
        raise GoogleError(416, "OUT_OF_RANGE", "The requested range cannot be satisfied.")
    return start, end
