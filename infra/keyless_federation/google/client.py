"""Google's management APIs over REST: bounded, retried, awaited, and with errors that say what was attempted."""

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from google.auth.exceptions import RefreshError, TransportError

from keyless_federation.clock import Clock
from keyless_federation.errors import DeadlineError, GoogleError
from keyless_federation.google.shapes import OPERATION, Shape, misfits
from keyless_federation.model.fields import Json
from keyless_federation.model.rules import GOOGLE_ENDPOINT, endpoint_problem

TIMEOUT = (5.0, 30.0)  # seconds to connect, to answer
RETRIED = frozenset({429, 500, 502, 503, 504})
# Reasons of a 403 that pass: https://cloud.google.com/bigquery/docs/error-messages
LIMITS = frozenset({"rateLimitExceeded", "quotaExceeded"})
UNANSWERED = 0
UNREACHABLE = 30.0  # seconds after which it is no hiccup that nobody answers
PROPAGATION = 120.0  # seconds that something just made may stay unknown; Google says minutes, seconds are usual
FIRST_PAUSE, FIRST_POLL, LONGEST_PAUSE = 0.25, 0.1, 5.0
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of an API, with the words for it, the permissions that it takes and the shape of a genuine answer."""

    what: str
    method: str
    service: str
    path: str
    needs: tuple[str, ...]
    answer: Shape
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Google:
    """Sends requests until `deadline` (monotonic seconds of `clock`).

    `endpoint` is a template with {service}. Until `denied_until`, a refusal for want of a permission is asked
    again: right after a bootstrap it means nothing yet. Until `fresh_until`, not every reader knows what was just
    made. Where nobody answers for `unreachable_after` seconds, the deadline is not waited for.
    """

    session: requests.Session
    deadline: float
    endpoint: str = GOOGLE_ENDPOINT
    denied_until: float = 0.0
    fresh_until: float = 0.0
    unreachable_after: float = UNREACHABLE
    clock: Clock = time

    @classmethod
    def from_env(
        cls, session: requests.Session, *, seconds: float, patience: float = 0.0, clock: Clock = time
    ) -> "Google":
        """At the endpoint that KEYLESS_GOOGLE_ENDPOINT names, for `seconds` at most; `ValueError` if that is unsafe."""
        now = clock.monotonic()
        endpoint = os.environ.get("KEYLESS_GOOGLE_ENDPOINT") or GOOGLE_ENDPOINT
        if problem := endpoint_problem(endpoint):
            raise ValueError(f"KEYLESS_GOOGLE_ENDPOINT {problem}, not {endpoint!r}.")
        return cls(session, now + seconds, endpoint, denied_until=now + patience, clock=clock)

    def expect_propagation(self) -> None:
        """Something was just made: for a while, readers may not know it."""
        self.fresh_until = self.clock.monotonic() + PROPAGATION

    def send(self, request: Request, *, final: frozenset[int] = frozenset()) -> Json:
        """The answer, after as many attempts as make sense; raises `GoogleError` or `DeadlineError`.

        Statuses in `final` are believed at once, however fresh things are. An answer that cannot be read is none: what
        it answered may have been done or not, as after a lost connection.
        """
        pause, patient_until = FIRST_PAUSE, self.clock.monotonic() + self.unreachable_after
        silent = False  # one answer that did not come in its time says nothing yet
        while True:
            try:
                return self._once(request)
            except GoogleError as error:
                if (error.status in final and error.reason not in LIMITS) or not self._worth_repeating(error, request):
                    raise
                if error.status == UNANSWERED and silent and self.clock.monotonic() >= patient_until:
                    raise
                silent = error.status == UNANSWERED
                self._rest(pause, request.what, error)
            except RefreshError as error:
                if not getattr(error, "propagating", False) or self.clock.monotonic() >= self.denied_until:
                    raise
                self._rest(pause, request.what, error)
            pause = min(pause * 2, LONGEST_PAUSE)

    def find(self, request: Request) -> Json | None:
        """The answer, or None where Google answers 404."""
        return self._found(request, final=frozenset({404}))

    def find_made(self, request: Request) -> Json | None:
        """The answer about what Google says exists, although not every reader may know it yet; None where none does."""
        self.expect_propagation()
        return self._found(request, final=frozenset())

    def delete(self, request: Request) -> None:
        """Delete what is gone only when Google answers 404: an empty answer may be anybody's."""
        self.until(request.what, lambda: True if self.find(request) is None else None)

    def until(self, attempted: str, attempt: Callable[[], Value | None]) -> Value:
        """The first result of `attempt` that is not None; raises `DeadlineError`."""
        pause = FIRST_POLL
        while (found := attempt()) is None:
            self._rest(pause, attempted)
            pause = min(pause * 2, LONGEST_PAUSE)
        return found

    def listed(self, request: Request, key: str) -> Iterator[Json]:
        """Yield everything that a listing has under `key`, page by page."""
        token = ""
        while True:
            answer = self.send(replace(request, query={**request.query, "pageToken": token}) if token else request)
            yield from answer.get(key, [])
            if not (token := answer.get("nextPageToken", "")):
                return

    def run(self, request: Request) -> Json:
        """Send what starts a long-running operation, whose shape is `answer`'s, and wait for its end; its response."""
        operation, pause = self.send(request), FIRST_POLL
        while not operation.get("done"):
            self._rest(pause, request.what)
            pause = min(pause * 1.6, LONGEST_PAUSE)
            operation = self.send(_poll(request, operation["name"]))
        if failure := operation.get("error"):
            reason = str(failure.get("status") or failure.get("code", ""))
            raise GoogleError(200, reason, failure.get("message", ""), attempted=request.what, needs=request.needs)
        response: Json = operation.get("response", {})
        return response

    def _found(self, request: Request, *, final: frozenset[int]) -> Json | None:
        try:
            return self.send(request, final=final)
        except GoogleError as error:
            if error.status != 404:
                raise
            return None

    def _once(self, request: Request) -> Json:
        url = f"{self.endpoint.replace('{service}', request.service).rstrip('/')}/{quote(request.path, safe='/:@-._~')}"
        left = self.deadline - self.clock.monotonic()
        if left <= 0:
            raise DeadlineError(request.what)
        try:
            response = self.session.request(
                request.method,
                url,
                params=dict(request.query),
                json=request.body,
                headers=dict(request.headers),
                timeout=(min(TIMEOUT[0], left), min(TIMEOUT[1], left)),
            )
        except (requests.RequestException, TransportError) as error:
            why = f"{type(error).__name__} at {request.service}"
            raise GoogleError(UNANSWERED, "UNANSWERED", why, attempted=request.what, needs=request.needs) from error
        return _read(response, request)

    def _worth_repeating(self, error: GoogleError, request: Request) -> bool:
        if error.status in RETRIED or error.status == UNANSWERED or error.reason in LIMITS:
            return True
        now = self.clock.monotonic()
        if error.status == 403 and now < self.denied_until:
            return True
        if now >= self.fresh_until:
            return False
        # A new account is refused, not missing, where its project's policy has yet to reach it.
        denied = error.status == 403 and ("/serviceAccounts/" in request.path or error.reason == "SERVICE_DISABLED")
        return denied or error.status == 404 or (error.status == 400 and "does not exist" in error.words)

    def _rest(self, pause: float, attempted: str, error: Exception | None = None) -> None:
        pause = random.uniform(pause / 2, pause)  # noqa: S311 -- spreads load, guards nothing
        if self.clock.monotonic() + pause >= self.deadline:
            raise DeadlineError(attempted, error) from error
        self.clock.sleep(pause)


def _poll(request: Request, name: str) -> Request:
    needs = {"serviceusage": ("serviceusage.operations.get",)}.get(request.service, request.needs)
    return Request(
        what=request.what, method="GET", service=request.service, path=f"v1/{name}", needs=needs, answer=OPERATION
    )


def _read(response: requests.Response, request: Request) -> Json:
    answer, problem = _json(response, request.answer if response.ok else {})
    if response.ok and problem is None:
        return answer
    error = answer.get("error")
    if response.status_code not in RETRIED and (problem or not error):
        words = _unreadable(response, problem or "error is missing")
        raise GoogleError(UNANSWERED, "UNREADABLE", words, attempted=request.what, needs=request.needs)
    error = error if isinstance(error, dict) else {"message": str(error or "")}
    words = str(error.get("message") or response.reason or "no explanation")[:600]
    raise GoogleError(response.status_code, _reason(error), words, attempted=request.what, needs=request.needs)


def _json(response: requests.Response, shape: Shape) -> tuple[Json, str | None]:
    """The object in an answer, and why it is not what was asked for."""
    if response.status_code == 204:
        return {}, next(misfits({}, shape), None)
    try:
        answer = response.json()
    except ValueError:
        return {}, "it is no JSON" if response.content else "it is empty"
    return (answer if isinstance(answer, dict) else {}), next(misfits(answer, shape), None)


def _unreadable(response: requests.Response, problem: str) -> str:
    """What came in the place of Google's answer, and none of its content."""
    url, kind = urlsplit(response.url or ""), response.headers.get("Content-Type") or "no content type"
    return (
        f"{url.hostname}{url.path} answered {response.status_code} with {kind[:60]}, which is not Google's answer: "
        f"{problem}. A proxy or gateway may stand between"
    )


def _reason(error: Json) -> str:
    informative = [detail["reason"] for detail in error.get("details", []) if detail.get("reason")]
    legacy = [entry["reason"] for entry in error.get("errors", []) if entry.get("reason")]
    limits = [reason for reason in legacy if reason in LIMITS]  # beside a status that says PERMISSION_DENIED
    return str(next(iter([*limits, *informative, *([error["status"]] if error.get("status") else []), *legacy]), ""))
