"""What Lambda does to a process, and what Keyless makes of it.

on-demand                 Init has 10 s, and the first request waits behind it: the exchange runs while the
                          handler's imports run, and `ready` joins it for 5 s at most.
provisioned-concurrency   Init has minutes and nobody waits: up to 100 s, so that a service account's new
                          binding can be seen by IAM. Then the environment starts without a token.
snap-start                Nothing secret may be in the snapshot: no exchange in init; the first request makes it.
lambda-managed-instances  As on-demand; each process that is forked makes its own.

Init never fails because Google could not be reached: with provisioned concurrency that would roll back a
deployment. A failure is logged, and the first request tries again.
"""

import contextlib
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from keyless import logs
from keyless.config import Config, initialization
from keyless.connections import connections_for

if TYPE_CHECKING:
    from keyless.credentials import Credentials
    from keyless.exchange import Patience

ON_DEMAND_JOIN = 5.0
"""Seconds that init may wait for a token on demand."""

PROVISIONED_JOIN = 100.0
"""Seconds that init may wait for one under provisioned concurrency."""


class _WarmUp:
    """The exchange that import began."""

    def __init__(self, credentials: "Credentials", patience: "Patience", join: float) -> None:
        self._credentials = credentials
        self._patience = patience
        self._join = join
        self._thread = threading.Thread(target=self._run, name="keyless-warm-up", daemon=True)
        self._thread.start()

    def ready(self, timeout: float | None) -> bool:
        """Wait for the exchange, `timeout` s or as long as this kind of init allows; whether it made a token."""
        self._thread.join(self._join if timeout is None else timeout)
        return self._credentials.token is not None

    def _run(self) -> None:
        # An exception here has been logged by the cache, and the first request will raise its own.
        with contextlib.suppress(Exception):
            self._credentials.warm_up(self._patience)


_warm_up: _WarmUp | None = None


def start(environ: Mapping[str, str] = os.environ) -> None:
    """Begin the exchange if this process is a Lambda function's and Keyless is configured; do nothing else.

    Raises ConfigurationError when it is configured in part.
    """
    global _warm_up
    init = initialization(environ)
    config = Config.from_env(environ) if init else None
    if config is None:
        return
    logs.to_stdout()
    if init == "snap-start":
        return
    connections_for(config).open_ahead(config.urls())

    # Imported while the handshakes are under way; it takes longer than they do.
    from keyless.credentials import Credentials
    from keyless.exchange import Patience

    patient = init == "provisioned-concurrency"
    _warm_up = _WarmUp(
        Credentials(config),
        Patience(seconds=PROVISIONED_JOIN, propagation=True) if patient else Patience(),
        PROVISIONED_JOIN if patient else ON_DEMAND_JOIN,
    )


def ready(timeout: float | None = None) -> bool:
    """Wait for the exchange that `import keyless` began; whether there is a token now.

    The last line of a module that makes its own Google clients: code at import cannot know when init ends.
    Waits `timeout` seconds, by default as long as this kind of init allows; never raises. False at once
    where importing began nothing (outside Lambda, under SnapStart).
    """
    return _warm_up is not None and _warm_up.ready(timeout)
