"""Google's standard credential file, where it is of the kind that Keyless can take instead of variables."""

import json
import re
from collections.abc import Mapping
from typing import Any

from keyless.variables import Variables

AWS_SUBJECT_TOKEN_TYPE = "urn:ietf:params:aws:token-type:aws4_request"  # noqa: S105 -- a name, not a token
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
UNIVERSE = "googleapis.com"

_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
_VERIFICATION_URL = (
    rf"https://sts\.(?:(?P<region>\{{region\}}|{_REGION})\.)?amazonaws\.com/?"
    r"\?(?:Action=GetCallerIdentity&Version=2011-06-15|Version=2011-06-15&Action=GetCallerIdentity)"
)
_GLOBAL_STS = "us-east-1"
"""The region that requests to sts.amazonaws.com are signed for (AWS General Reference, "AWS STS endpoints")."""


def source(field: str) -> str:
    """Return how a message names a field of the file."""
    return f"the field {field} of the file in {VARIABLE}"


def read(path: str, variables: Variables) -> Mapping[str, str] | None:
    """Return the fields of an external_account file for AWS (google.aip.dev/auth/4117) that concern a configuration.

    All are texts; `sts_region` is the one that its verification URL names, if any. Of any other file None, and a
    problem that repeats nothing that the file holds: it may hold a key.
    """
    before = len(variables.problems)
    content = _content(path, variables)
    if content is None or not _is_of_our_kind(content, variables):
        return None
    fields = {name: _text(content, name, variables) for name in ("audience", "token_url", "quota_project_id")}
    fields["service_account_impersonation_url"] = _text(content, "service_account_impersonation_url", variables)
    fields["scopes"] = _scopes(content, variables)
    fields["token_lifetime_seconds"] = _lifetime(content, variables)
    fields["sts_region"] = _sts_region(content, variables)
    if not fields["audience"] and len(variables.problems) == before:
        variables.problems.append(f"{source('audience')} is missing")
    return fields if len(variables.problems) == before else None


def _content(path: str, variables: Variables) -> Any:
    try:
        with open(path, "rb") as file:
            return json.loads(_decoded(file.read()))
    except FileNotFoundError:
        from keyless.refusals import no_such_file

        problem = f"names a file that does not exist ({no_such_file(path)})"
    except OSError as error:
        from keyless.refusals import describe

        problem = f"cannot be read: {error.strerror} ({describe(path)})"
    except UnicodeError:
        problem = "cannot be read: the file is not UTF-8 (PowerShell's > writes UTF-16): write it as UTF-8"
    except (ValueError, RecursionError):
        from keyless.refusals import describe

        problem = "must be the path of a file, not JSON" if describe(path).startswith("JSON") else "holds no JSON"
    variables.problems.append(f"{VARIABLE} {problem}")
    return None


def _decoded(content: bytes) -> str:
    """Return UTF-8 as text, with or without a byte order mark; UnicodeError for all else."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
        raise UnicodeError("UTF-16")
    return content.decode("utf-8-sig")


def _is_of_our_kind(content: Any, variables: Variables) -> bool:
    if not isinstance(content, dict):
        variables.refuse(f"the file in {VARIABLE}", "must hold an object", content)
        return False
    kind, token = content.get("type"), content.get("subject_token_type")
    if kind == "service_account":
        variables.problems.append(
            f"{VARIABLE} names a file that holds a service-account key, which is what Keyless does away with: "
            "remove it, and revoke it"
        )
    elif kind != "external_account":
        variables.refuse(source("type"), "must be external_account", kind, "type")
    elif token != AWS_SUBJECT_TOKEN_TYPE:
        rule = f"is not for AWS: it must be {AWS_SUBJECT_TOKEN_TYPE}"
        variables.refuse(source("subject_token_type"), rule, token)
    elif content.get("universe_domain", UNIVERSE) != UNIVERSE:
        rule = f"must be {UNIVERSE}, the only universe that Keyless knows"
        variables.refuse(source("universe_domain"), rule, content["universe_domain"])
    else:
        return True
    return False


def _text(content: Mapping[str, Any], field: str, variables: Variables) -> str:
    value = content.get(field)
    if value is not None and not isinstance(value, str):
        variables.refuse(source(field), "must be a text", value)
        return ""
    return (value or "").strip()


def _object(content: Mapping[str, Any], field: str, variables: Variables) -> Mapping[str, Any]:
    value = content.get(field)
    if value is not None and not isinstance(value, dict):
        variables.refuse(source(field), "must be an object", value)
        return {}
    return value or {}


def _scopes(content: Mapping[str, Any], variables: Variables) -> str:
    value = content.get("scopes")
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return " ".join(value)
    return _text(content, "scopes", variables)


def _lifetime(content: Mapping[str, Any], variables: Variables) -> str:
    seconds = _object(content, "service_account_impersonation", variables).get("token_lifetime_seconds", "")
    if isinstance(seconds, str) or type(seconds) is int:
        return str(seconds)
    variables.refuse(source("token_lifetime_seconds"), "must be a whole number of seconds", seconds)
    return ""


def _sts_region(content: Mapping[str, Any], variables: Variables) -> str:
    """Return the region whose STS is to vouch for the caller; "" for that of the environment."""

    url = _object(content, "credential_source", variables).get("regional_cred_verification_url")
    if url is None:
        return ""
    match = re.fullmatch(_VERIFICATION_URL, url) if isinstance(url, str) else None
    if match is None:
        rule = (
            "must be https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15: Google asks no "
            "other host, FIPS endpoints included"
        )
        variables.refuse(source("regional_cred_verification_url"), rule, url)
        return ""
    region: str = match["region"] or _GLOBAL_STS
    return "" if region == "{region}" else region
