"""What a build fetches from S3 and keeps there, with its own role's rights."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from local.aws.codebuild.spec import Artifacts


class NotTaken(ValueError):
    """A source or a place for artifacts of a kind that the local CodeBuild does not know."""


class NothingToKeep(ValueError):
    """No file matches the patterns of the artifacts."""


def fetch(s3: Any, source: Mapping[str, Any], folder: Path) -> None:
    """Unpack a source into `folder`: a zip file in S3, or nothing at all. Raises botocore's ClientError as well."""
    folder.mkdir(parents=True, exist_ok=True)
    if source["type"] == "NO_SOURCE":
        return
    location = str(source.get("location", "")).removeprefix("arn:aws:s3:::")
    if source["type"] != "S3" or not location.endswith(".zip"):
        raise NotTaken(f"a source of type {source['type']} at {location!r}: only a zip file in S3 is taken here")
    bucket, _, key = location.partition("/")
    content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder))
            if mode := entry.external_attr >> 16 & 0o777:
                path.chmod(mode | 0o600)


def keep(s3: Any, artifacts: Artifacts, place: Mapping[str, Any], source: Path, build: str, arn: str) -> str:
    """Upload what `artifacts` names to where the project says; the ARN of the place. `build` is the bare UUID."""
    if place.get("type") != "S3":
        raise NotTaken(f"artifacts of type {place.get('type')}: only S3 is taken here")
    found = dict(_found(artifacts, source / artifacts.base))
    if not found:
        raise NothingToKeep("no matching artifact paths found")
    name = artifacts.name if place.get("overrideArtifactName") and artifacts.name else place.get("name", "")
    parts = (place.get("path", ""), build if place.get("namespaceType") == "BUILD_ID" else "", name)
    prefix = "/".join(part.strip("/") for part in parts if part.strip("/"))
    extra = {"Bucket": place["location"], "Metadata": {"codebuild-buildarn": arn}}
    if place.get("packaging") == "ZIP":
        s3.put_object(Key=prefix, Body=_zipped(found), **extra)
    else:
        for path, file in found.items():
            s3.put_object(Key="/".join(filter(None, (prefix, path))), Body=file.read_bytes(), **extra)
    return f"arn:aws:s3:::{place['location']}/{prefix}"


def _found(artifacts: Artifacts, base: Path) -> Iterator[tuple[str, Path]]:
    for pattern in artifacts.files:
        for file in sorted(base.glob(pattern)):
            if file.is_file():
                path = PurePosixPath(file.relative_to(base))
                yield (path.name if artifacts.flat else str(path)), file


def _zipped(files: Mapping[str, Path]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in files.items():
            archive.write(file, name)
    return content.getvalue()
