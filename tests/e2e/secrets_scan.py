"""What must be in no log, no output and no file: tokens, keys and signed requests, found by shape and by value."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

SHAPES = {
    "a Google access token": r"ya29\.[\w.-]{8,}|\bfed\.[\w.-]{8,}",
    "a bearer header": r"[Bb]earer [\w.~+/-]{12,}",
    "a signature": r"Signature=[0-9a-f]{16,}|X-Amz-Signature=[0-9a-f]{16,}",
    "an AWS session token": r"(?i)(x-amz-security-token|aws_session_token|sessiontoken)\W{1,5}[\w+/=%-]{16,}",
    "an AWS secret key": r"(?i)(aws_secret_access_key|secretaccesskey)\W{1,5}[\w+/=]{16,}",
    "a subject token": r"subject_token=|%22Authorization%22",
    "a private key": r"BEGIN [A-Z ]*PRIVATE KEY|\"private_key\"",
}
CODE = {".py", ".pyc", ".so", ".zip", ".js"}
KNOWN = ("AWS_SECRET_ACCESS_KEY", "GOOGLE_ADMIN_TOKEN")


def found(texts: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Which text holds which kind of secret, with the text's name and the line (cut short before the secret ends)."""
    values = {f"the value of {name}": re.escape(environment[name]) for name in KNOWN}
    patterns = [(kind, re.compile(pattern)) for kind, pattern in {**SHAPES, **values}.items()]
    return [
        f"{kind} in {name}, line {number}: {line[max(0, match.start() - 60) : match.start() + 24]}..."
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        for kind, pattern in patterns
        if (match := pattern.search(line))
    ]


def files(folders: Iterable[Path]) -> dict[str, str]:
    """Every file below these folders that a run may have written to, as text by path; code is not among them."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix not in CODE]
    return {str(path): path.read_bytes().decode("latin-1") for path in paths if path.is_file()}
