"""Sentences about values that cannot be right. Imported when there is one, and not before.

People paste keys where names belong, and what an error says ends in logs. So a value is described and not repeated:
every message about a variable, a field of a file or a flag gets its description here.
"""

import os
import re
from collections.abc import Mapping, Sequence

SHORT = 32
"""Characters of a value whose beginning may be shown, if the expected alphabet is all that is in it."""

SHOWN = 4
"""How many of these characters are shown at most."""

_FORMS: Mapping[str, str] = {
    "an AWS access key ID": r"(AKIA|ASIA)[A-Z0-9]{12,}",
    "an AWS secret access key": r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[\w/+]{40}",
    "an AWS session token": r"(FwoG|IQoJ)[\w/+=]+",
    "an access token of Google": r"ya29\..+",
    "an API key of Google": r"AIza.+",
    "an OAuth client secret": r"GOCSPX-.+",
    "an OAuth refresh token": r"1//.+",
    "a JSON Web Token": r"eyJ.+",
    "a private key or certificate": r".*-----BEGIN .*",
    "a token": r"(gh[a-z]_|github_pat_|glpat-|xox[a-z]-|sk-|hvs\.)[\w.-]{16,}",
    "JSON": r"\{.*|\[\s*[\[{\"'].*",
    "a value in quotation marks": r"[\"'].*",
    "a text of several lines": r".*\n.*",
    "an address with a user": r"[^/]*(//)?[^/]*:[^/]*@.*",
    "an address": r"[\w+.-]*://.*",
    "a path": r"[./~].*",
    "a number": r"[0-9]+",
}
"""What a value is, by the first of these forms that it has."""

_SECRET = {"JSON", *(kind for kind in _FORMS if re.search("key|token|secret", kind, re.IGNORECASE))}

_ALPHABETS: Mapping[str, str] = {
    "API": r"[a-z0-9-]+",
    "audience": r"[\w/.:-]+",
    "e-mail": r"[\w.@-]+",
    "label": r"[\w./#:-]+",
    "project": r"[a-z0-9.:-]+",
    "region": r"[a-z0-9-]+",
    "scope": r"[a-z.:/_-]+",
    "seconds": r"[0-9]+",
    "type": r"[a-z0-9_:-]+",
}

_TYPES = {"authorized_user", "external_account_authorized_user", "gdch_service_account", "impersonated_service_account"}
"""Google's other kinds of credential files, by the names that their field `type` has."""

_GCLOUD_SCOPES: Mapping[str, str] = {
    **dict.fromkeys(("bigquery", "cloud-platform", "datastore", "drive", "monitoring", "pubsub"), ""),
    "compute-ro": "compute.readonly",
    "compute-rw": "compute",
    "logging-write": "logging.write",
    "monitoring-read": "monitoring.read",
    "monitoring-write": "monitoring.write",
    "service-control": "servicecontrol",
    "service-management": "service.management.readonly",
    "sql-admin": "sqlservice.admin",
    "storage-full": "devstorage.full_control",
    "storage-ro": "devstorage.read_only",
    "storage-rw": "devstorage.read_write",
    "trace": "trace.append",
    "userinfo-email": "userinfo.email",
}
"""gcloud's short names of scopes (`gcloud compute instances create --help`), "" for the name itself."""

_MISTAKES: Mapping[str, Sequence[tuple[str, str]]] = {
    "audience": (
        (r"https?:.*", "write it without https:"),
        (r"projects/.*", "begin it with //iam.googleapis.com/"),
        (r".*/workforcePools/.*", "a workforce pool is for people; Keyless needs a workload identity pool"),
        (r".*/", "write it without the / at the end"),
    ),
    "e-mail": (
        (r"[\"'].*|.*[\"']", "write it without the quotation marks"),
        (r"serviceAccount:.*", "write it without serviceAccount:"),
        (r"[0-9]+", "its unique ID will not do"),
        (
            r"[^@]+@(?!.*gserviceaccount\.com$).*",
            "its domain ends in gserviceaccount.com; people and groups cannot be impersonated",
        ),
    ),
    "project": ((r"[0-9]+", "`gcloud projects describe` prints the ID for this number"),),
    "scope": ((r"[\[{\"'].*", "write no JSON list and no quotation marks, but spaces between the addresses"),),
}


def refusal(source: str, rule: str, value: object, kind: str = "") -> str:
    """Return the sentence that `source` (a variable, a field) breaks `rule` ("must be ...") with this `value`.

    kind: which alphabet and which common mistakes to look for, a key of the tables above; "" for none.
    """
    advice = _advice(value.strip(), kind) if isinstance(value, str) else ""
    return f"{source} {rule}, not {describe(value, kind)}{f': {advice}' if advice else ''}"


def describe(value: object, kind: str = "") -> str:
    """Return what `value` is and how long, and its beginning if it is short and nothing but `kind`'s alphabet."""
    if not isinstance(value, str):
        return {dict: "an object", list: "a list", bool: "a truth value", type(None): "null"}.get(
            type(value), "a number"
        )
    text = value.strip()
    form = form_of(text)
    alphabet = _ALPHABETS.get(kind)
    plain = form in ("", "a number") and len(text) <= SHORT and alphabet and re.fullmatch(alphabet, text, re.ASCII)
    if text in _TYPES or (plain and len(text) <= SHOWN):
        return repr(text)
    size = f"{form or 'a text'} of {len(value)} characters"
    return f"{size} that begins with {text[:SHOWN]!r}" if plain else size


def form_of(text: str) -> str:
    """Return what `text` is by its form, such as "a JSON Web Token"; "" when it has none that is known."""
    forms = (kind for kind, form in _FORMS.items() if re.fullmatch(form, text, re.DOTALL | re.ASCII))
    return next(forms, "")


def is_credential(text: str) -> bool:
    """Return whether `text` is a key, a token or the content of a credential file by its form."""
    return form_of(text) in _SECRET


def no_such_file(path: str) -> str:
    """Return what there is of `path`: the part that exists is no secret."""
    folder = path
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder) if os.path.dirname(folder) != folder else ""
    return (
        f"{describe(path)}; of it {folder} exists" if folder.strip("/") and not is_credential(path) else describe(path)
    )


def _advice(text: str, kind: str) -> str:
    if kind == "scope" and text in _GCLOUD_SCOPES:
        return f"write https://www.googleapis.com/auth/{_GCLOUD_SCOPES[text] or text}"
    if is_credential(text) and not text.startswith("["):
        return "take it out, and revoke it if it was in a log"
    mistakes = _MISTAKES.get(kind, ())
    return next((advice for form, advice in mistakes if re.fullmatch(form, text, re.DOTALL | re.ASCII)), "")
