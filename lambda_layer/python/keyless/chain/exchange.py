"""One pass through the chain, with as much patience as the moment allows."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TypeVar

from google.auth.aws import AwsSecurityCredentialsSupplier
from keyless.chain.clock import ClockedRequest
from keyless.chain.links import Token, federated_token, service_account_token, subject_token
from keyless.config import DEADLINE, Config
from keyless.errors import ChainError, ExchangeError
from keyless.net.transport import TIMEOUT, Request

T = TypeVar("T")

IAM_SCOPE = "https://www.googleapis.com/auth/iam"
"""The only scope that a federated token needs to impersonate with."""

REFUSALS = 2
"""How often a request asks again after a refusal that a new binding would explain: IAM's servers learn of it one
by one, so that the next may know. A binding that is missing for good should not cost each request its deadline."""

_LONGEST_PAUSE = 2.0
_random = SystemRandom()  # the ordinary one is part of a SnapStart snapshot: all its copies would pause alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on trying, in seconds, and whether to wait for a new binding to be seen by IAM."""

    seconds: float = DEADLINE
    propagation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """A token, how many milliseconds each link took, and how many times an answer was asked for again.

    `connect` is no link: it is how long the slowest connection took to open, beside other work or not. `total`
    is the whole pass, pauses included.
    """

    token: Token
    milliseconds: Mapping[str, float]
    retries: int


@dataclass(slots=True)
class _Run:
    """The state of one pass: the time that is left, and the time that each link took."""

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
        """Call `attempt(timeout)` until it works, fails for good, or patience ends; pauses grow and are jittered.

        Each request of an attempt has half of what is left, which leaves time for another one.
        """
        pause, refusals = 0.1, 0
        while True:
            try:
                return attempt(max(0.1, min(TIMEOUT, self.left() / 2)))
            except ChainError as error:
                refusals += error.propagating
                awaited = error.propagating and (self.patience.propagation or refusals <= REFUSALS)
                wait = _random.uniform(pause / 2, pause)
                if not (error.retryable or awaited) or wait >= self.left():
                    raise
            time.sleep(wait)
            self.retries += 1
            pause = min(pause * 2, _LONGEST_PAUSE)

    def account(self, request: Request) -> dict[str, float]:
        """Return the time that each part took, in milliseconds."""
        total = round((time.monotonic() - self.started) * 1000, 1)
        return {"connect": round(request.connections.spent_connecting(), 1), **self.milliseconds, "total": total}


def exchange(
    config: Config,
    supplier: AwsSecurityCredentialsSupplier,
    request: Request,
    scopes: Sequence[str],
    patience: Patience,
) -> Exchanged:
    """Return a token for `scopes`, through all the links. Raises the ChainError of the one that failed."""
    run = _Run(patience)
    try:
        token = _pass(run, config, supplier, request, scopes)
    except ChainError as error:
        error.milliseconds, error.retries = run.account(request), run.retries
        raise
    return Exchanged(token=token, milliseconds=run.account(request), retries=run.retries)


def _pass(
    run: _Run, config: Config, supplier: AwsSecurityCredentialsSupplier, request: Request, scopes: Sequence[str]
) -> Token:
    impersonates = config.impersonation_url is not None

    def federate(timeout: float) -> Token:
        # Signed anew for each attempt: a signed request is good for minutes only.
        clocked = ClockedRequest(request, timeout)
        signed = run.timed("aws-credentials", lambda: subject_token(config, supplier, clocked))
        wanted = [IAM_SCOPE] if impersonates else scopes
        try:
            return run.timed("sts-exchange", lambda: federated_token(config, clocked, signed, wanted, timeout=timeout))
        except ExchangeError as error:
            raise clocked.explain(error, config.audience) from error.__cause__

    def impersonate(timeout: float) -> Token:
        return run.timed(
            "impersonation",
            lambda: service_account_token(config, request, federated, scopes, timeout=timeout),
        )

    if config.impersonation_url:
        # After an hour of sleep both hosts have hung up: two handshakes side by side, not in a row.
        request.connections.open_missing((config.token_url, config.impersonation_url))
    federated = run.persistently(federate)
    return run.persistently(impersonate) if impersonates else federated
