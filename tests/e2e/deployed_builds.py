"""The build that is deployed, run and read: what it printed, what it keeps in its bucket."""

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.clouds import PROJECT, REGION
from local.deployment import STAGE
from local.invoke import client
from tests.e2e import secrets_scan
from tests.local.builds import commands, ended, log, text

NAME = f"keyless-terraform-{STAGE}"
ROLE = f"keyless-tf-{STAGE}-{REGION}"
BUILDER = f"aws-terraform-apply@{PROJECT}.iam.gserviceaccount.com"
STATE, LOCK = "terraform.tfstate", "terraform.tfstate.tflock"
DATASETS = f"/bigquery/bigquery/v2/projects/{PROJECT}/datasets"

ASK_GOOGLE = """\
import google.auth, google.auth.transport.requests, os
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
session = google.auth.transport.requests.AuthorizedSession(credentials)
endpoint = os.environ["KEYLESS_GOOGLE_ENDPOINT"]
for service, path in {calls}:
    answer = session.get(endpoint.replace("{{service}}", service) + path)
    print(project, answer.status_code)
"""


@dataclass(frozen=True, slots=True)
class Builds:
    """The deployed project and its bucket."""

    environment: Mapping[str, str]

    def build(self, spec: Mapping[str, Any], **variables: str) -> dict[str, Any]:
        """Run a build of `spec` to its end."""
        return self._build(variables, buildspecOverride=text(spec))

    def terraform(self, **variables: str) -> dict[str, Any]:
        """Run a build as it is deployed."""
        return self._build(variables)

    def _build(self, variables: Mapping[str, str], **changed: str) -> dict[str, Any]:
        given = [{"name": name, "value": value} for name, value in variables.items()]
        codebuild = client("codebuild", self.environment)
        started = codebuild.start_build(projectName=NAME, environmentVariablesOverride=given, **changed)
        return ended(codebuild, started["build"]["id"])

    def log(self, build: Mapping[str, Any]) -> str:
        """Its whole log."""
        return "\n".join(log(client("logs", self.environment), build))

    def printed(self, build: Mapping[str, Any]) -> list[str]:
        """What its commands printed."""
        return [line for line in self.log(build).splitlines() if not line.startswith("[Container]")]

    @property
    def bucket(self) -> str:
        """Of the state."""
        (project,) = client("codebuild", self.environment).batch_get_projects(names=[NAME])["projects"]
        name: str = project["artifacts"]["location"]
        return name

    @property
    def s3(self) -> Any:
        """The owner's client."""
        return client("s3", self.environment)

    def names(self) -> list[str]:
        """What lies in the bucket now."""
        return [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def kept(self) -> dict[str, str]:
        """Everything in the bucket, by key and version; a plan, which is a zip file, unpacked."""
        versions = self.s3.list_object_versions(Bucket=self.bucket).get("Versions", [])
        return {
            f"{one['Key']} {one['VersionId']}": readable(self._read(one["Key"], one["VersionId"])) for one in versions
        }

    def _read(self, key: str, version: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version)["Body"].read()
        return body

    def forget_state(self) -> None:
        """The state and its lock taken away, as if nothing had ever been applied."""
        for key in (STATE, LOCK):
            self.s3.delete_object(Bucket=self.bucket, Key=key)


def leaks(texts: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Which text holds a secret, or the ID of a temporary key of AWS's: that is never without its secret for long."""
    keys = [f"{found[0]} in {name}" for name, text in texts.items() if (found := re.search(r"ASIA[0-9A-Z]{16}", text))]
    return keys + secrets_scan.found(texts, environment)


def readable(content: bytes) -> str:
    """A file, or all files in a zip file, as text."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode("latin-1")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(f"{name}:\n{archive.read(name).decode('latin-1')}" for name in archive.namelist())


def under_exec(*calls: tuple[str, str]) -> dict[str, Any]:
    """A build that asks Google for these, each a service and a path."""
    script = ASK_GOOGLE.format(calls=repr(list(calls)))
    install = ['export PYTHONPATH="$CODEBUILD_SRC_DIR_keyless/python"']
    return commands(
        install=install, build=[f"cat > ask.py <<'END'\n{script}END", "python -m keyless exec -- python ask.py"]
    )
