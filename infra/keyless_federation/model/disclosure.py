"""How an error describes a value that may be a secret: a short plain word is shown, anything else is not."""

import re
from collections.abc import Mapping

LONGEST = 32
"""Characters of a value that is shown: the shortest secret keys of AWS and Google have more."""

_PLAIN = re.compile(rf"[A-Za-z0-9 ._:/@*,{{}}-]{{0,{LONGEST}}}")
_RANDOM = re.compile(r"(?=[A-Za-z0-9+/=_]*[0-9])(?=[A-Za-z0-9+/=_]*[A-Za-z])[A-Za-z0-9+=_]{16}")
_SECRETS = {
    "a key in PEM form": r"-----BEGIN",
    "JSON": r"^\s*[{\[]",
    "an AWS access key ID": r"(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12}",
    "a JSON Web Token": r"eyJ[\w-]{8}",
    "an access token": r"ya29\.|1//0|gh[pousr]_|github_pat_|\b[Bb]earer\b",
    "a Google API key": r"AIza[\w-]{8}",
    "a Google client secret": r"GOCSPX-",
    "a URL with a user in it": r"://[^/\s]*@",
}
_ODD = {"a line break": r"[\r\n]", "a space at an end": r"^[ \t]|[ \t]$", "characters beyond ASCII": r"[^\x00-\x7f]"}


def described(value: object) -> str:
    """Return `value` in quotes where it is short and plain; else its kind and length, without any part of it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case int() | float() if len(str(value)) <= LONGEST:
            return str(value)
        case Mapping():
            return f"an object with {len(value)} fields (not shown)"
        case list() | tuple():
            return f"a list of {len(value)} (not shown)"
        case _:
            return f"a value of type {type(value).__name__} (not shown)"


def _text(value: str) -> str:
    found = next((kind for kind, form in _SECRETS.items() if re.search(form, value)), None)
    if found is None and _PLAIN.fullmatch(value) and not _RANDOM.search(value):
        return repr(value)
    odd = [name for name, form in _ODD.items() if re.search(form, value)]
    told = f" with {' and '.join(odd)}" if odd else ""
    kind = f"what looks like {found}: " if found else ""
    return f"{kind}a text of {len(value)} characters{told} (not shown)"
