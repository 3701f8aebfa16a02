"""Secret Manager v1: secrets and their versions.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

import re
from datetime import UTC, datetime

from local.google.api.topics_and_secrets import Kind
from local.google.errors import invalid_argument
from local.google.http.bodies import message
from local.google.http.methods import Call, Json, Method
from local.google.iam.roles.definition import SECRET
from local.google.state.audit import DATA_READ

HOST = "secretmanager.googleapis.com"
AUDITED = "google.cloud.secretmanager.v1.SecretManagerService"
SECRETS = Kind(SECRET, "secrets", "secretmanager.secrets", AUDITED, by_number=True, policy_verb="GET")
VERSIONS = Kind(SECRET, "secrets", "secretmanager.versions", AUDITED, by_number=True, policy_verb="GET")
ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
EVERY, ONE = SECRETS.paths


def create(call: Call) -> Json:
    """projects.secrets.create"""
    call.require("secretmanager.secrets.create", call.project.resource)
    secret = call.query.get("secretId", "")
    if not ID.fullmatch(secret):
        raise invalid_argument(f"The provided Secret ID [{secret}] does not match the expected format [{ID.pattern}].")
    if not message(call.body, "replication"):
        raise invalid_argument("The replication policy is missing.")
    call.entry.resource = SECRETS.prefix(call) + secret
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    document: Json = {key: call.body[key] for key in ("replication", "labels", "annotations") if key in call.body}
    return call.cloud.resources.create(call.entry.resource, {**document, "createTime": made})


def add_version(call: Call) -> Json:
    """projects.secrets.addVersion"""
    versions = VERSIONS.permitted(call, "add") + "/versions/"
    data = message(call.body, "payload").get("data")
    if not isinstance(data, str) or not data:
        raise invalid_argument("The payload's data is missing.")
    number = len(call.cloud.resources.below(versions)) + 1
    made = call.cloud.resources.create(f"{versions}{number}", {"payload": {"data": data}})
    return {"name": made["name"], "state": "ENABLED"}


def access(call: Call) -> Json:
    """projects.secrets.versions.access: of a numbered version, or of the latest."""
    versions = VERSIONS.permitted(call, "access") + "/versions/"
    latest = str(len(call.cloud.resources.below(versions)))
    wanted = call.path["version"]
    return call.cloud.resources.get(versions + (latest if wanted == "latest" else wanted))


METHODS = [
    Method("POST", ONE + ":addVersion", AUDITED + ".AddSecretVersion", add_version),
    Method("GET", ONE + "/versions/{version}:access", AUDITED + ".AccessSecretVersion", access, data=DATA_READ),
    *SECRETS.methods(Method("POST", EVERY, AUDITED + ".CreateSecret", create), "Secret"),
]
