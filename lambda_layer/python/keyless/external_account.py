"""Google's standard credential file, where it is of the kind that Keyless can take instead of variables."""

import json
from collections.abc import Mapping
from typing import Any

AWS_SUBJECT_TOKEN_TYPE = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 -- a name, not a token


class Unusable(ValueError):
    """It is no such file; the message says why."""


def read(path: str) -> Mapping[str, Any]:
    """The content of an external_account file for AWS (google.aip.dev/auth/4117).

    Raises Unusable for any other, without repeating what it holds: it may hold a key.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _unusable(path, "cannot be read: it is not JSON") from None
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "service_account":
        why = "holds a service-account key, which is what Keyless does away with: remove it, and revoke it"
        raise _unusable(path, why)
    if kind != "external_account":
        raise _unusable(path, f"is of type {kind!r}; Keyless takes 'external_account'")
    if content.get("subject_token_type") != AWS_SUBJECT_TOKEN_TYPE:
        raise _unusable(path, f"is not for AWS: its subject_token_type must be {AWS_SUBJECT_TOKEN_TYPE}")
    return dict(content)


def _unusable(path: str, why: str) -> Unusable:
    return Unusable(f"GOOGLE_APPLICATION_CREDENTIALS ({path}) {why}")
