"""The exceptions of Keyless.

    KeylessError
    ├── ConfigurationError          the environment is incomplete or wrong: lists every problem at once
    └── ChainError                  a link of the chain failed; also a google.auth RefreshError
        ├── AwsCredentialsError     aws-credentials: no AWS identity to start from
        ├── ExchangeError           sts-exchange: Google did not accept that identity
        ├── ImpersonationError      impersonation: the identity may not become the service account
        └── ApiError                api: the API took no token, not even a new one (what a token's account may not
                                    do is told by the API's own client, for example as google.api_core's Forbidden)

No ChainError is a google.auth TransportError: google-cloud-bigquery retries those for ten minutes, longer
than a Lambda lives. No message carries a token, a key or a signed request.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from google.auth.exceptions import RefreshError

if TYPE_CHECKING:
    from keyless.failures.failure import Failure, Link

_SECRETS = (
    r"AWS4-HMAC-SHA256[^\"'}]*"  # an Authorization header of AWS
    r"|(?:Signature|X-Amz-Security-Token)=[^&\s\"']+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|ya29\.[\w.-]+"  # an access token of Google
    r"|[\w+=%.-]{64,}"  # nothing that helps a reader is that long in one piece
)
_MOST_WORDS = 500


class KeylessError(Exception):
    """The root of everything that Keyless raises."""


class ConfigurationError(KeylessError):
    """The environment does not configure Keyless; `problems` lists all that is missing or wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("Keyless is not configured: " + "; ".join(self.problems) + ".")


class ChainError(KeylessError, RefreshError):
    """A link of the chain failed.

    link: which one (`aws-credentials`, `sts-exchange`, `impersonation` or `api`). subject: what it failed for.
    status: the HTTP status, None when there was no answer. words: what Google said, without secrets. failure: its
    name in docs/troubleshooting.md. cause, confirm, remedy: what it most likely means, a command that shows
    whether it does, and what to do; names in capitals are yours to fill in. retryable: the same request may
    succeed in a moment. propagating: it may succeed in minutes, when what it needs was created just now.
    milliseconds, retries: where the time went until it failed, as in `Exchanged`.
    """

    link: "Link" = "api"

    def __init__(self, subject: str, failure: "Failure", *, status: int | None = None, words: str = "") -> None:
        self.subject = subject
        self.status = status
        self.words = words
        self.failure = failure.id
        self.cause = failure.cause
        self.confirm = failure.confirm
        self.remedy = failure.remedy
        self.propagating = failure.propagating
        self.milliseconds: Mapping[str, float] = {}
        self.retries = 0
        said = ": ".join(part for part in (f"HTTP {status}" if status else "", words) if part)
        super().__init__(  # type: ignore[no-untyped-call]
            f"{self.link} failed for {subject}: {self.cause}{f' ({said})' if said else ''}. {self.remedy}.",
            retryable=failure.retryable,
        )


class AwsCredentialsError(ChainError):
    """There are no AWS credentials to sign with."""

    link: "Link" = "aws-credentials"


class ExchangeError(ChainError):
    """Google's Security Token Service did not take the AWS identity, or could not be asked."""

    link: "Link" = "sts-exchange"


class ImpersonationError(ChainError):
    """The federated identity got no token of the service account."""

    link: "Link" = "impersonation"


class ApiError(ChainError):
    """The API refused a token, and the one that was made in its place as well."""


def without_secrets(words: str, *secrets: str) -> str:
    """Return `words` fit for a message: `secrets` and what looks like one hidden, cut to 500 characters."""
    for secret in secrets:
        words = words.replace(secret, "[hidden]")
    return re.sub(_SECRETS, "[hidden]", words, flags=re.ASCII)[:_MOST_WORDS].strip()
