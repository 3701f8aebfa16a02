"""An object of a bucket, in one of its generations, and the preconditions that a request may set on it."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import google_crc32c

from local.google.errors import GoogleError, invalid_argument

# What a caller may say about an object, beside its name and its content.
FIELDS = (
    "cacheControl",
    "contentDisposition",
    "contentEncoding",
    "contentLanguage",
    "contentType",
    "customTime",
    "metadata",
    "storageClass",
)
PRECONDITION = "At least one of the pre-conditions you specified did not hold."


@dataclass(slots=True, eq=False)
class StoredObject:
    """One generation of an object."""

    bucket: str
    name: str
    generation: int
    created: str
    content: bytes = field(repr=False)
    document: dict[str, Any]
    metageneration: int = 1
    deleted: str | None = None

    @property
    def resource(self) -> str:
        """Its name as a resource that carries a policy."""
        return f"projects/_/buckets/{self.bucket}/objects/{self.name}"

    @property
    def md5(self) -> str:
        """The content's MD5, in base64: Cloud Storage's checksum, not a protection."""
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()

    @property
    def crc32c(self) -> str:
        """The content's CRC32C, big-endian in base64."""
        return base64.b64encode(google_crc32c.value(self.content).to_bytes(4, "big")).decode()

    def json(self, endpoint: str) -> dict[str, Any]:
        """The object as the API shows it; `endpoint` is where its links lead."""
        path = f"b/{self.bucket}/o/{quote(self.name, safe='')}"
        shown: dict[str, Any] = {
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            **self.document,
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"{endpoint}/storage/v1/{path}",
            "mediaLink": f"{endpoint}/download/storage/v1/{path}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "size": str(len(self.content)),
            "md5Hash": self.md5,
            "crc32c": self.crc32c,
            "etag": etag(self.generation, self.metageneration),
            "timeCreated": self.created,
            "updated": self.created,
            "timeStorageClassUpdated": self.created,
            "timeFinalized": self.created,
        }
        return {**shown, "timeDeleted": self.deleted} if self.deleted else shown


@dataclass(slots=True)
class Upload:
    """A resumable upload: by whom, of what, and what has come so far."""

    principal: str
    name: str
    document: dict[str, Any]
    content: bytearray = field(default_factory=bytearray, repr=False)


def written(document: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    """What is kept of a caller's words about an object; 400 when its checksums are not the content's."""
    kept = {key: document[key] for key in FIELDS if document.get(key)}
    probe = StoredObject("", "", 0, "", content, {})
    for key, actual in (("md5Hash", probe.md5), ("crc32c", probe.crc32c)):
        if document.get(key) not in (None, actual):
            raise invalid_argument(f"Provided {key} {document[key]} doesn't match calculated {key} {actual}.")
    return kept


def require_match(query: Mapping[str, str], found: StoredObject | None) -> None:
    """412 unless generation and metageneration are as the query wants them; a missing object is generation 0."""
    generation, metageneration = (found.generation, found.metageneration) if found else (0, 0)
    require(query, "ifGeneration", generation)
    require(query, "ifMetageneration", metageneration)


def require(query: Mapping[str, str], name: str, actual: int) -> None:
    """412 unless `actual` is what nameMatch wants and not what nameNotMatch excludes."""
    wanted, excluded = number(query, f"{name}Match"), number(query, f"{name}NotMatch")
    if (wanted is not None and wanted != actual) or (excluded is not None and excluded == actual):
        raise precondition_failed()


def number(query: Mapping[str, str], name: str) -> int | None:
    """A whole number of the query, or 400."""
    text = query.get(name)
    try:
        return int(text) if text else None
    except ValueError as error:
        raise invalid_argument(f"Invalid value for {name}: {text!r}.") from error


def precondition_failed() -> GoogleError:
    """412 conditionNotMet."""
    return GoogleError(412, "FAILED_PRECONDITION", PRECONDITION)


def etag(*numbers: int) -> str:
    """An etag as Cloud Storage spells them: a message of numbers, in base64."""
    encoded = b"".join(bytes([8 * index]) + _varint(value) for index, value in enumerate(numbers, 1))
    return base64.b64encode(encoded).decode()


def _varint(value: int) -> bytes:
    rest, last = divmod(value, 128)
    return bytes([last | 128]) + _varint(rest) if rest else bytes([last])
