"""A build's sessions: of a role that lets CodeBuild in, for as long as they are asked for."""

import json
import time
import uuid

from local.aws.codebuild.credentials import Keys
from local.aws.internals import iam, sts


def may_be_assumed(role: str) -> bool:
    """Whether the trust policy of `role`, an ARN, lets CodeBuild in: MiniStack itself does not ask."""
    record = iam._roles.get(role.rpartition("/")[2]) or {}
    trust = record.get("AssumeRolePolicyDocument") or {}
    document = json.loads(trust) if isinstance(trust, str) else trust
    return any("codebuild.amazonaws.com" in str(one.get("Principal")) for one in document.get("Statement", []))


def issue(role: str, session: str, lifetime: float) -> Keys:
    """Keys that are refused after `lifetime` seconds; AssumeRole itself gives none for less than 15 minutes."""
    name, account = role.rpartition("/")[2], role.split(":")[4]
    keys = Keys(
        access_key_id=f"ASIA{uuid.uuid4().hex[:16].upper()}",
        secret_access_key=uuid.uuid4().hex + uuid.uuid4().hex[:8],
        session_token=uuid.uuid4().hex * 4,
        expires=time.time() + lifetime,
    )
    sts.register_session(
        keys.access_key_id,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.session_token,
            "Expiration": keys.expires,
        },
    )
    return keys
