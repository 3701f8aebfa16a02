"""The exchange during the phases of a Lambda process.

on-demand                 Init has 10 s, and the first request waits behind it: the exchange runs while the
                          handler's imports run, and `ready` joins it for 5 s at most.
provisioned-concurrency   Init has minutes and nobody waits: up to 100 s, so that a service account's new
                          binding can be seen by IAM. Then the environment starts without a token.
snap-start                Nothing secret may be in the snapshot: no exchange in init, and what the handler's own
                          code made is dropped before it is taken. After each restore it is as on-demand.
lambda-managed-instances  As on-demand, in each of the processes that Lambda forks before they import the handler.

Init never fails because Google could not be reached: with provisioned concurrency that would roll back a
deployment. A failure is logged, and the first request tries again. A process that crashed in init is started
anew and begins anew: nothing is kept outside the process.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Mapping

from keyless import fast_imports, logs
from keyless.config import Config, initialization
from keyless.net.connections import connections_for

ON_DEMAND_JOIN = 5.0
"""Seconds that init may wait for a token on demand."""

PROVISIONED_JOIN = 100.0
"""Seconds that init may wait for one under provisioned concurrency."""


class _WarmUp:
    """The exchange that import began, or the restore of a snapshot."""

    def __init__(self, config: Config) -> None:
        connections_for(config).open_ahead(config.urls())

        # Imported while the handshakes are under way; it takes longer than they do.
        from keyless.chain.exchange import Patience
        from keyless.credentials import Credentials

        provisioned = config.initialization == "provisioned-concurrency"
        self._join = PROVISIONED_JOIN if provisioned else ON_DEMAND_JOIN
        self._patience = Patience(seconds=PROVISIONED_JOIN, propagation=True) if provisioned else None
        self._config = config
        self._credentials = Credentials(config)
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="keyless-warm-up", daemon=True)
        self._thread.start()

    def ready(self, timeout: float | None) -> bool:
        """Wait for the exchange, `timeout` s or as long as this init allows; return whether there is a token."""
        self._thread.join(self._join if timeout is None else timeout)
        return self._credentials.token is not None

    def in_this_process(self) -> "_WarmUp":
        """Return this one, or a new one in a child that was forked before there was a token: threads are not forked."""
        return self if self._pid == os.getpid() or self._credentials.token else _WarmUp(self._config)

    def _run(self) -> None:
        # An exception here has been logged by the cache, and the first request will raise its own.
        with contextlib.suppress(Exception):
            self._credentials.warm_up(self._patience)


_warm_up: _WarmUp | None = None


def start(environ: Mapping[str, str] = os.environ) -> None:
    """Begin the exchange if this process is a Lambda function's and Keyless is configured; do nothing else.

    Nothing either for `python -m keyless`, which a function may start: while a package is imported to find what -m
    names, sys.argv[0] is "-m" (Python's documentation, "Command line and environment"). Raises ConfigurationError
    when it is configured in part.
    """
    global _warm_up
    config = Config.from_env(environ) if initialization(environ) and sys.argv[:1] != ["-m"] else None
    if config is None:
        return
    logs.to_stdout()
    if config.initialization == "snap-start":
        _watch_snapshots(config)
        return
    with fast_imports.deferred_imports():
        _warm_up = _WarmUp(config)
        if "bigquery" in config.apis:
            # The handler is about to import it, more slowly. Where it is missing, the handler will say so.
            with contextlib.suppress(ImportError):
                import google.cloud.bigquery  # noqa: F401


def ready(timeout: float | None = None) -> bool:
    """Wait for the exchange that `import keyless` began; return whether there is a token now.

    The last line of a module that makes its own Google clients: code at import cannot know when init ends.
    The token is for the scopes of KEYLESS_SCOPES, else cloud-platform: credentials for other scopes make their own at
    their first request. Waits `timeout` seconds, by default as long as this kind of init allows; never raises. False
    at once where importing began nothing (outside Lambda, before a snapshot).
    """
    global _warm_up
    if _warm_up is None:
        return False
    _warm_up = _warm_up.in_this_process()
    return _warm_up.ready(timeout)


def _watch_snapshots(config: Config) -> None:
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ImportError:  # only Lambda's own runtimes have it, and only they take snapshots
        return
    # Registered at import: runs last before a snapshot and first after a restore, around the handler's own hooks.
    register_before_snapshot(_before_snapshot)
    register_after_restore(_after_restore, config)


def _before_snapshot() -> None:
    global _warm_up
    from keyless.credentials import forget

    _warm_up = None
    forget()


def _after_restore(config: Config) -> None:
    """Warm up again. An exception here would fail the restore, and the request that waits for it."""
    global _warm_up
    with contextlib.suppress(Exception):
        _warm_up = _WarmUp(config)
        _warm_up.ready(None)
