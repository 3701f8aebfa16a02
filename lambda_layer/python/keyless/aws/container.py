"""AWS credentials from the container endpoint: SnapStart, ECS, CodeBuild and EKS Pod Identity have theirs there."""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from google.auth.aws import AwsSecurityCredentials, AwsSecurityCredentialsSupplier
from google.auth.exceptions import TransportError
from keyless import failures
from keyless.aws.environment import CONTAINER_URIS, KEYS, EnvironmentSupplier
from keyless.errors import AwsCredentialsError, without_secrets
from keyless.variables import is_safe

FULL_URI, RELATIVE_URI = CONTAINER_URIS
AUTHORIZATION = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
ECS = "169.254.170.2"
HOSTS = frozenset({"localhost", ECS, "169.254.170.23", "fd00:ec2::23"})
"""Hosts that may be asked without TLS besides loopback addresses: ECS's and EKS's."""

TIMEOUT = 2.0
"""Seconds without a byte from the endpoint after which a request fails; the endpoint is on this machine."""

EARLY = 300.0
"""Seconds before their expiry at which credentials are fetched again."""


class _Fetched(NamedTuple):
    keys: AwsSecurityCredentials
    expires_at: float


class ContainerSupplier(EnvironmentSupplier):
    """Credentials from the address in AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, kept until shortly
    before they expire; the region is the environment's.

    Hosts and variables as AWS's SDKs have them (AWS SDKs and Tools Reference Guide, "Container credential
    provider"): plain http is for this machine only, and a token file is read anew each time.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(environ)
        self._clock = clock
        self._kept: _Fetched | None = None

    def get_aws_security_credentials(self, context: Any, request: Any) -> AwsSecurityCredentials:
        """Return keys that are valid for minutes at least; AwsCredentialsError when the endpoint gives none."""
        kept = self._kept
        if kept is not None and self._clock() < kept.expires_at - EARLY:
            return kept.keys
        try:
            self._kept = fetched = self._fetch(request)
        except AwsCredentialsError:
            if kept is not None and self._clock() < kept.expires_at:
                return kept.keys  # there are minutes left to ask again
            raise
        return fetched.keys

    def forget(self) -> None:
        """Keep nothing of what was fetched."""
        self._kept = None

    def _fetch(self, request: Any) -> _Fetched:
        url = self._url()
        host = urlsplit(url).hostname or ""
        token = self._authorization()
        headers = {"Accept": "application/json"} | ({"Authorization": token} if token else {})
        try:
            response = request(url=url, method="GET", headers=headers, timeout=TIMEOUT)
        except TransportError as failure:
            words = without_secrets(str(failure))
            known = failures.find("container-unreachable")
            raise AwsCredentialsError(host, known, words=words) from failure.__cause__
        if response.status != 200:
            raise _refused(host, response.status, response.data, token)
        return _parse(host, response.data)

    def _url(self) -> str:
        relative = self._environ.get(RELATIVE_URI)
        url = f"http://{ECS}{relative}" if relative else self._environ.get(FULL_URI, "")
        if not is_safe(url, HOSTS):
            raise AwsCredentialsError(
                RELATIVE_URI if relative else FULL_URI, failures.find("container-address-not-allowed")
            )
        return url

    def _authorization(self) -> str:
        file = self._environ.get(f"{AUTHORIZATION}_FILE")
        try:
            token = Path(file).read_text().strip() if file else self._environ.get(AUTHORIZATION, "")
        except (OSError, UnicodeError) as error:
            unread = failures.find("container-token-file-unreadable").of(REASON=type(error).__name__)
            raise AwsCredentialsError(f"{AUTHORIZATION}_FILE", unread) from None
        if not token.isascii() or not token.isprintable():
            raise AwsCredentialsError(AUTHORIZATION, failures.find("container-token-malformed"))
        return token


def supplier_for(environ: Mapping[str, str] = os.environ) -> AwsSecurityCredentialsSupplier:
    """Return the supplier for this environment: keys in variables win, as in AWS's SDKs, then the container endpoint.

    EC2's metadata service is never asked: on Lambda there is none, and a request to it hangs.
    """
    if not any(environ.get(name) for name in KEYS) and any(environ.get(name) for name in CONTAINER_URIS):
        return ContainerSupplier(environ)
    return EnvironmentSupplier(environ)


def _refused(host: str, status: int, body: bytes, token: str) -> AwsCredentialsError:
    # Its form is {"code": ..., "message": ...}; whatever it is, it may repeat what it was sent.
    words = without_secrets(body.decode(errors="replace"), *([token] if token else []))
    refusal = failures.find("container-endpoint-error" if status == 429 or status >= 500 else "container-refused")
    return AwsCredentialsError(host, refusal, status=status, words=words)


def _parse(host: str, body: bytes) -> _Fetched:
    try:
        found = json.loads(body)
        keys = AwsSecurityCredentials(found["AccessKeyId"], found["SecretAccessKey"], found["Token"])
        if not all(re.fullmatch("[!-~]+", key) for key in (keys.access_key_id, keys.secret_access_key, found["Token"])):
            raise ValueError("characters that no key has")
        return _Fetched(keys, datetime.fromisoformat(found["Expiration"]).timestamp())
    except (ValueError, TypeError, KeyError):  # what it holds is not repeated: it may be half of a secret
        raise AwsCredentialsError(host, failures.find("container-response-malformed"), status=200) from None
