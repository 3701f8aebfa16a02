"""Access tokens: opaque to the bearer, kept as hashes, dead when they expire or when their principal does."""

import hashlib
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.google.errors import NOT_AUTHENTICATED, unauthenticated
from local.google.iam.principals import Principal

CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for: its principal, OAuth scopes, end (epoch seconds), and whether it still lives."""

    principal: Principal
    scopes: frozenset[str]
    expires: float
    alive: Callable[[], bool]


class Tokens:
    """All tokens that were handed out."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self.longest = math.inf
        """Seconds beyond which no token made from now on lives, whatever was asked for."""

    def lifetime(self, seconds: int) -> int:
        """For how many seconds a token is good when `seconds` would be its life."""
        return int(min(seconds, self.longest))

    def issue(self, prefix: str, grant: Grant) -> str:
        """A new token for `grant`; Google's prefixes tell its kind."""
        token = f"{prefix}{secrets.token_urlsafe(96)}"
        self.register(token, grant)
        return token

    def register(self, token: str, grant: Grant) -> None:
        """Accept `token`, which was made elsewhere, for `grant`."""
        now = time.time()
        self._grants = {key: kept for key, kept in self._grants.items() if kept.expires > now}
        self._grants[_digest(token)] = grant

    def authenticate(self, authorization: str | None) -> Grant:
        """The grant behind an Authorization header, or 401."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthenticated(NOT_AUTHENTICATED, "CREDENTIALS_MISSING")
        grant = self._grants.get(_digest(token.strip()))
        if grant is None or grant.expires <= time.time():
            raise unauthenticated(reason="ACCESS_TOKEN_EXPIRED" if grant else "")
        if not grant.alive():
            raise unauthenticated(reason="ACCOUNT_STATE_INVALID")
        return grant


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
