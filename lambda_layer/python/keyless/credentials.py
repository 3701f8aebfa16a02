"""google.auth credentials on the process-wide cache, for Google's clients."""

import os
import threading
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import google.auth.credentials
from google.auth.aws import AwsSecurityCredentialsSupplier
from keyless.aws.container import ContainerSupplier, supplier_for
from keyless.chain.cache import TokenCache
from keyless.chain.exchange import Patience, exchange
from keyless.chain.exchange_log import ExchangeLog
from keyless.config import Config
from keyless.net.connections import close_all, connections_for
from keyless.net.sockets import Origin
from keyless.net.transport import Request


class Credentials(google.auth.credentials.Scoped, google.auth.credentials.CredentialsWithQuotaProject):
    """Credentials for any Google client, without a key.

    Copies with the same scopes share one token. A plain google.auth Credentials on purpose: its relatives
    for external accounts start a look-up of their own (the Regional Access Boundary) at the first request.
    Raises ChainError from `before_request` and `refresh` when the chain is broken.
    """

    def __init__(
        self,
        config: Config,
        *,
        scopes: str | Sequence[str] = (),
        supplier: AwsSecurityCredentialsSupplier | None = None,
        quota_project_id: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._config = config
        self._scopes: tuple[str, ...] = tuple(scopes.split() if isinstance(scopes, str) else scopes) or config.scopes
        self._supplier = supplier or _supplier()
        self._quota_project_id = quota_project_id or config.quota_project
        self._cache = cache_for(config, self._scopes, self._supplier)
        self._ahead = {Origin.of(config.endpoint(api)) for api in config.apis}

    @property
    def token(self) -> str | None:
        """The cached access token, None when there is no valid one; reading it calls nobody."""
        token = self._cache.peek()
        return token.value if token else None

    @token.setter
    def token(self, _: None) -> None:
        """google.auth's constructor sets None; the cache is the only source."""

    @property
    def expiry(self) -> datetime | None:
        """When the cached token expires: UTC without a time zone, as google.auth has it."""
        token = self._cache.peek()
        return datetime.fromtimestamp(token.expires_at, UTC).replace(tzinfo=None) if token else None

    @expiry.setter
    def expiry(self, _: None) -> None:
        """See `token`."""

    @property
    def project_id(self) -> str:
        """The project to work in, for clients that look for it here."""
        return self._config.project

    @property
    def service_account_email(self) -> str | None:
        """The impersonated service account; None with direct access."""
        return self._config.service_account

    @property
    def requires_scopes(self) -> bool:
        """False: scopes are always set, by KEYLESS_SCOPES or its default."""
        return False

    def before_request(self, request: Any, method: str, url: str, headers: MutableMapping[str, str]) -> None:
        """Put a valid token into `headers`; waits only when there is none, and connects to `url` meanwhile."""
        if self._cache.peek() is None and Origin.of(url) in self._ahead:
            connections_for(self._config).open_missing([url])
        self.apply(headers, self._cache.token().value)  # type: ignore[no-untyped-call]

    def refresh(self, request: Any) -> None:
        """Make a new token. `request` is not used: the exchange has bounded connections of its own."""
        self._cache.renew()

    def warm_up(self, patience: Patience | None = None) -> None:
        """Make a token ahead of need, with more patience than a request has if need be."""
        self._cache.renew(patience)

    def with_scopes(self, scopes: Sequence[str], default_scopes: Sequence[str] | None = None) -> "Credentials":
        """Return a copy for other scopes; with the same ones it shares the token."""
        return Credentials(
            self._config,
            scopes=scopes or default_scopes or (),
            supplier=self._supplier,
            quota_project_id=self._quota_project_id,
        )

    def with_quota_project(self, quota_project_id: str | None) -> "Credentials":
        """Return a copy that bills another project; it shares the token."""
        return Credentials(
            self._config, scopes=self._scopes, supplier=self._supplier, quota_project_id=quota_project_id
        )


def credentials(scopes: str | Sequence[str] = ()) -> Credentials:
    """Credentials for `scopes` (default: KEYLESS_SCOPES, else cloud-platform), from the environment.

    For any Google client: `storage.Client(credentials=keyless.credentials())`. Raises ConfigurationError,
    with every problem in it, when Keyless is not configured; asks nobody until the first request.
    """
    return Credentials(Config.require(os.environ), scopes=scopes)


@cache
def _supplier() -> AwsSecurityCredentialsSupplier:
    """Return the one default supplier: the supplier is part of a cache's key."""
    return supplier_for(os.environ)


_lock = threading.Lock()
_caches: dict[tuple[Config, tuple[str, ...], AwsSecurityCredentialsSupplier], TokenCache] = {}


def cache_for(config: Config, scopes: tuple[str, ...], supplier: AwsSecurityCredentialsSupplier) -> TokenCache:
    """Return the process's cache for this configuration, these scopes (in any order) and this supplier."""
    connections = connections_for(config)
    key = (config, tuple(sorted(scopes)), supplier)
    with _lock:
        if key not in _caches:
            make = partial(exchange, config, supplier, Request(connections), scopes)
            patience = Patience(seconds=config.deadline)
            _caches[key] = TokenCache(make, patience=patience, log=ExchangeLog.of(config))
        return _caches[key]


def forget() -> None:
    """Drop everything that a snapshot must not hold: tokens, AWS credentials and idle connections."""
    with _lock:
        kept = list(_caches.items())
    close_all()
    for (_, _, supplier), cached in kept:
        cached.forget()
        if isinstance(supplier, ContainerSupplier):
            supplier.forget()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
