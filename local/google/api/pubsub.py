"""Pub/Sub v1: topics. There are no subscriptions, so what is published goes where it goes at Google: nowhere.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics
"""

import re
import secrets

from local.google.api.topics_and_secrets import Kind
from local.google.errors import invalid_argument
from local.google.http.methods import Call, Json, Method
from local.google.iam.roles.definition import TOPIC
from local.google.state.audit import DATA_WRITE

HOST = "pubsub.googleapis.com"
AUDITED = "google.pubsub.v1.Publisher"
TOPICS = Kind(TOPIC, "topics", "pubsub.topics", AUDITED, by_number=False, policy_verb="GET")
ID = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
FIELDS = ("labels", "messageRetentionDuration", "messageStoragePolicy", "schemaSettings", "kmsKeyName")


def create(call: Call) -> Json:
    """projects.topics.create"""
    call.require("pubsub.topics.create", call.project.resource)
    if not ID.fullmatch(call.path["resource"]) or call.path["resource"].startswith("goog"):
        raise invalid_argument(f"Invalid [topics] name: (name={TOPICS.prefix(call)}{call.path['resource']})")
    call.entry.resource = TOPICS.prefix(call) + call.path["resource"]
    return call.cloud.resources.create(call.entry.resource, {key: call.body[key] for key in FIELDS if key in call.body})


def publish(call: Call) -> Json:
    """projects.topics.publish"""
    TOPICS.permitted(call, "publish")
    messages = call.body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise invalid_argument("The value for message_count is too small. You passed 0 in the request.")
    return {"messageIds": [str(secrets.randbelow(10**16)) for _ in messages]}


EVERY, ONE = TOPICS.paths
METHODS = [
    Method("POST", ONE + ":publish", AUDITED + ".Publish", publish, data=DATA_WRITE),
    *TOPICS.methods(Method("PUT", ONE, AUDITED + ".CreateTopic", create), "Topic"),
]
