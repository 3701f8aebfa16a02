"""Buckets: a document under a globally unique name, and the generations of the objects in it."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.google.errors import GoogleError, already_exists, invalid_argument, not_found
from local.google.iam.policies import Binding, Policies
from local.google.projects import Project
from local.google.state.bucket_configuration import normalised, stamp
from local.google.state.objects import StoredObject, Upload, etag

Json = dict[str, Any]
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
NOT_EMPTY = "The bucket you tried to delete is not empty."


@dataclass(slots=True, eq=False)
class Bucket:
    """One bucket; `objects` holds every generation of each, the live one last."""

    name: str
    project: Project
    document: Json
    generation: int
    created: str
    updated: str
    metageneration: int = 1
    objects: dict[str, list[StoredObject]] = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """Its name as a resource that carries a policy."""
        return f"projects/_/buckets/{self.name}"

    @property
    def uniform(self) -> bool:
        """Whether its policy alone says who may do what with its objects."""
        return bool(self.document["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"])

    @property
    def versioned(self) -> bool:
        """Whether what is overwritten or deleted stays as a noncurrent generation."""
        return bool(self.document.get("versioning", {}).get("enabled"))

    def json(self, endpoint: str) -> Json:
        """The bucket as the API shows it; `endpoint` is where its links lead."""
        return {
            **self.document,
            "kind": "storage#bucket",
            "id": self.name,
            "name": self.name,
            "selfLink": f"{endpoint}/storage/v1/b/{self.name}",
            "projectNumber": self.project.number,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "etag": etag(self.metageneration),
            "timeCreated": self.created,
            "updated": self.updated,
        }

    def change(self, document: Json) -> None:
        """Let the bucket be what `document` says."""
        self.document = normalised(document, self.document)
        self.touch()

    def touch(self) -> None:
        """Count a change of the bucket or of its policy."""
        self.metageneration, self.updated = self.metageneration + 1, stamp()

    def live(self, name: str) -> StoredObject | None:
        """The live generation of an object."""
        generations = self.objects.get(name)
        return generations[-1] if generations and generations[-1].deleted is None else None

    def find(self, name: str, generation: int | None) -> StoredObject:
        """The generation of an object, the live one by default, or 404."""
        kept = self.objects.get(name, [])
        found = self.live(name) if generation is None else next((o for o in kept if o.generation == generation), None)
        if found is None:
            raise self.no_such(name)
        return found

    def no_such(self, name: str) -> GoogleError:
        """404 for an object."""
        return not_found(f"No such object: {self.name}/{name}")

    def put(self, name: str, document: Json, content: bytes) -> StoredObject:
        """A new live generation; the one before it stays only in a versioned bucket."""
        self._retire(name)
        defaults = {"storageClass": self.document["storageClass"]}
        made = StoredObject(self.name, name, _new_generation(), stamp(), content, {**defaults, **document})
        self.objects.setdefault(name, []).append(made)
        return made

    def delete(self, name: str, generation: int | None) -> None:
        """Delete a named generation for good; without one the live one, which a versioned bucket keeps."""
        found = self.find(name, generation)
        if generation is None:
            self._retire(name)
        else:
            self.objects[name].remove(found)
        if not self.objects.get(name):
            self.objects.pop(name, None)

    def _retire(self, name: str) -> None:
        live = self.live(name)
        if live and self.versioned:
            live.deleted = stamp()
        elif live:
            self.objects[name].remove(live)


class Buckets:
    """All buckets of all projects, for their names are unique in the world, and the uploads that are under way."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies
        self._buckets: dict[str, Bucket] = {}
        self.uploads: dict[str, Upload] = {}

    def create(self, project: Project, document: Mapping[str, Any]) -> Bucket:
        """A new bucket with the policy that Cloud Storage gives it, or 400, or 409."""
        name = str(document.get("name", ""))
        if not NAME.fullmatch(name) or name.startswith("goog") or ".." in name:
            raise invalid_argument(f"Invalid bucket name: '{name}'")
        if name in self._buckets:
            mine = self._buckets[name].project is project
            raise already_exists(
                "Your previous request to create the named bucket succeeded and you already own it."
                if mine
                else "The requested bucket name is not available. The bucket namespace is shared by all users of the "
                "system. Please select a different name and try again."
            )
        made = stamp()
        bucket = Bucket(name, project, normalised(document, {}), _new_generation(), made, made)
        self._buckets[name] = bucket
        self._policies.begin(bucket.resource, _first_policy(bucket))
        return bucket

    def get(self, name: str) -> Bucket:
        """The bucket, or 404."""
        if name not in self._buckets:
            raise not_found("The specified bucket does not exist.")
        return self._buckets[name]

    def project_of(self, name: str) -> Project | None:
        """The project of a bucket, if there is one of this name."""
        return self._buckets[name].project if name in self._buckets else None

    def of(self, project: Project) -> list[Bucket]:
        """The buckets of a project, by name."""
        return sorted((b for b in self._buckets.values() if b.project is project), key=lambda bucket: bucket.name)

    def delete(self, bucket: Bucket) -> None:
        """Delete an empty bucket with its policy, or 409."""
        if bucket.objects:
            raise GoogleError(409, "FAILED_PRECONDITION", NOT_EMPTY)
        del self._buckets[bucket.name]
        self._policies.drop(bucket.resource)
        self._policies.drop_below(bucket.resource)


def _first_policy(bucket: Bucket) -> list[Binding]:
    """https://cloud.google.com/storage/docs/access-control/iam#convenience-values"""
    writers = frozenset(f"{group}:{bucket.project.id}" for group in ("projectOwner", "projectEditor"))
    readers = frozenset({f"projectViewer:{bucket.project.id}"})
    kinds = ("Bucket", "Object") if bucket.uniform else ("Bucket",)
    return [
        Binding(f"roles/storage.legacy{kind}{role}", members)
        for kind in kinds
        for role, members in (("Owner", writers), ("Reader", readers))
    ]


def _new_generation() -> int:
    """A number that no generation had before; Cloud Storage's are microseconds too."""
    return int(time.time() * 1e6) + secrets.randbelow(1000)
