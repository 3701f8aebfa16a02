"""One pass through the chain, with as much patience as the moment allows."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.auth.aws import AwsSecurityCredentialsSupplier
from keyless.config import Config
from keyless.errors import ChainError
from keyless.links import Token, federated_token, service_account_token, subject_token
from keyless.transport import READ_TIMEOUT, Request

T = TypeVar("T")

IAM_SCOPE = "https://www.googleapis.com/auth/iam"
"""The only scope that a federated token needs to impersonate with."""

_LONGEST_PAUSE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on trying, in seconds, and whether to wait for a new binding to be seen by IAM."""

    seconds: float = 10.0
    propagation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A token, how many milliseconds each link took, and how many times an answer was asked for again.

    `connect` is no link: it is how long the slowest connection took to open, beside other work or not.
    """

    token: Token
    milliseconds: Mapping[str, float]
    retries: int


@dataclass(slots=True)
class _Run:
    """The state of one pass: what time is left, and where it went."""

    patience: Patience
    started: float = field(default_factory=time.monotonic)
    milliseconds: dict[str, float] = field(default_factory=dict)
    retries: int = 0

    def left(self) -> float:
        return self.patience.seconds - (time.monotonic() - self.started)

    def timed(self, link: str, action: Callable[[], T]) -> T:
        started = time.monotonic()
        try:
            return action()
        finally:
            took = (time.monotonic() - started) * 1000
            self.milliseconds[link] = round(self.milliseconds.get(link, 0.0) + took, 1)

    def persistently(self, attempt: Callable[[float], T]) -> T:
        """`attempt(timeout)` until it works, fails for good, or patience ends; pauses grow and are jittered."""
        pause = 0.1
        while True:
            try:
                return attempt(max(0.1, min(READ_TIMEOUT, self.left())))
            except ChainError as error:
                worth_it = error.retryable or (self.patience.propagation and error.propagating)
                wait = random.uniform(pause / 2, pause)  # noqa: S311 -- spreads load, guards nothing
                if not worth_it or wait >= self.left():
                    raise
            time.sleep(wait)
            self.retries += 1
            pause = min(pause * 2, _LONGEST_PAUSE)


def exchange(
    config: Config,
    supplier: AwsSecurityCredentialsSupplier,
    request: Request,
    scopes: Sequence[str],
    patience: Patience,
) -> Exchanged:
    """A token for `scopes`, through all the links. Raises the ChainError of the one that failed."""
    run = _Run(patience)
    impersonates = config.impersonation_url is not None

    def federate(timeout: float) -> Token:
        # Signed anew for each attempt: a signed request is good for minutes only.
        signed = run.timed("aws-credentials", lambda: subject_token(config, supplier, request))
        wanted = [IAM_SCOPE] if impersonates else scopes
        return run.timed("sts-exchange", lambda: federated_token(config, request, signed, wanted, timeout=timeout))

    def impersonate(timeout: float) -> Token:
        return run.timed(
            "impersonation",
            lambda: service_account_token(config, request, federated, scopes, timeout=timeout),
        )

    federated = run.persistently(federate)
    token = run.persistently(impersonate) if impersonates else federated
    connecting = {"connect": round(request.connections.spent_connecting(), 1)}
    return Exchanged(token=token, milliseconds=connecting | run.milliseconds, retries=run.retries)
