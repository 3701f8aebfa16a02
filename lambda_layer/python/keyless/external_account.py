"""Google's standard credential file, where it is of the kind that Keyless can take instead of variables."""

import json
from collections.abc import Mapping
from typing import Any

AWS_SUBJECT_TOKEN_TYPE = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 -- a name, not a token


def read(path: str, problems: list[str]) -> Mapping[str, Any]:
    """Return the content of an external_account file for AWS (google.aip.dev/auth/4117).

    Any other file yields nothing, and a sentence in `problems` that does not repeat what it holds: it may hold a key.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except OSError as error:
        content, problem = {}, f"cannot be read: {error.strerror}"
    except ValueError:
        content, problem = {}, "cannot be read: it is not JSON"
    else:
        problem = _problem(content)
    if not problem:
        return dict(content)
    problems.append(f"GOOGLE_APPLICATION_CREDENTIALS ({path}) {problem}")
    return {}


def _problem(content: Any) -> str:
    kind = content.get("type") if isinstance(content, dict) else None
    if kind == "service_account":
        return "holds a service-account key, which is what Keyless does away with: remove it, and revoke it"
    if kind != "external_account":
        return f"is of type {kind!r}; Keyless takes 'external_account'"
    if content.get("subject_token_type") != AWS_SUBJECT_TOKEN_TYPE:
        return f"is not for AWS: its subject_token_type must be {AWS_SUBJECT_TOKEN_TYPE}"
    return ""
