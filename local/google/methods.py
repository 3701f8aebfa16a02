"""API methods as HTTP routes: authentication, enabled APIs, JSON in and out, and one audit entry for each call."""

import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.google.audit import Entry
from local.google.cloud import Cloud
from local.google.errors import (
    GoogleError,
    caller_lacks_permission,
    invalid_argument,
    scope_insufficient,
    service_disabled,
)
from local.google.principals import Principal
from local.google.projects import CATALOGUE, Project
from local.google.service_accounts import EMAIL
from local.google.tokens import CLOUD_PLATFORM, Grant

Json = dict[str, Any]
MAX_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call of a method."""

    cloud: Cloud
    grant: Grant
    path: Mapping[str, str]
    query: QueryParams
    body: Json
    entry: Entry

    @property
    def principal(self) -> Principal:
        """Who calls."""
        return self.grant.principal

    @property
    def project(self) -> Project:
        """The project that the path names by ID or number; 403 when there is none."""
        project = self.cloud.projects.find(self.path["project"])
        if project is None:
            raise caller_lacks_permission()
        return project

    def require(self, permission: str, *resources: str, modified_roles: frozenset[str] = frozenset()) -> None:
        """403 unless the caller holds the permission on the first resource, or on one above it."""
        self.entry.resource = self.entry.resource or resources[0]
        self.cloud.access.require(self.principal, permission, *resources, modified_roles=modified_roles)


@dataclass(frozen=True, slots=True)
class Method:
    """An HTTP route of a service, and the name that Google's audit logs have for it."""

    verb: str
    path: str
    name: str
    handler: Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Service:
    """One Google API under its path prefix, the OAuth scopes that it accepts, and how it words a refusal."""

    prefix: str
    host: str
    methods: Sequence[Method]
    scopes: frozenset[str] = frozenset({CLOUD_PLATFORM})
    refusal: Callable[[GoogleError], Json] = GoogleError.body

    def routes(self, cloud: Cloud) -> list[Route]:
        """The service's routes."""
        return [
            Route(self.prefix + method.path, _Endpoint(cloud, self, method), methods=[method.verb])
            for method in self.methods
        ]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    cloud: Cloud
    service: Service
    method: Method

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        entry, started = begin(self.service.host, self.method.name), time.monotonic()
        try:
            answer, status = await self._answer(request, entry), 200
        except GoogleError as error:
            answer, status, entry.reason = self.service.refusal(error), error.code, error.message
        except Exception:
            traceback.print_exc()
            answer, status = self.service.refusal(GoogleError(500, "INTERNAL", "Internal error encountered.")), 500
        finish(self.cloud, entry, started, status)
        await JSONResponse(answer, status)(scope, receive, send)

    async def _answer(self, request: Request, entry: Entry) -> Json:
        grant = self.cloud.tokens.authenticate(request.headers.get("authorization"))
        entry.principal, entry.delegation = grant.principal.name, grant.principal.delegation
        if not grant.scopes & self.service.scopes:
            raise scope_insufficient(self.service.host, self.method.name)
        require_enabled(self.cloud, self.service.host, request.path_params)
        require_quota_project(self.cloud, grant.principal, request.headers.get("x-goog-user-project"))
        body = await read_json(request)
        return self.method.handler(Call(self.cloud, grant, request.path_params, request.query_params, body, entry))


def begin(host: str, name: str) -> Entry:
    """The audit entry of a call that starts now."""
    return Entry(time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), service=host, method=name)


def finish(cloud: Cloud, entry: Entry, started: float, status: int) -> None:
    """Record a call that began at `started` (monotonic seconds) and ends now."""
    entry.status, entry.duration_ms = status, round((time.monotonic() - started) * 1000, 2)
    cloud.audit.record(entry)


async def read_json(request: Request) -> Json:
    """The JSON object in a request's body; an empty body is an empty object."""
    raw = await read_body(request, MAX_BODY)
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise invalid_argument(f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise invalid_argument("Invalid JSON payload received. Root element must be a message.")
    return body


async def read_body(request: Request, limit: int) -> bytes:
    """A request's body, or 413 as soon as it is over `limit` bytes."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > limit:
            raise GoogleError(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit.")
    return bytes(raw)


def require_enabled(cloud: Cloud, host: str, path: Mapping[str, str]) -> None:
    """403 SERVICE_DISABLED unless the API is enabled in the project that the path is about."""
    key = path.get("project")
    account = EMAIL.fullmatch(path.get("account", "")) if key == "-" else None
    project = cloud.projects.find(account[1] if account else key or "")
    if project is not None and host not in project.enabled:
        raise service_disabled(host, CATALOGUE[host], project.number)


def require_quota_project(cloud: Cloud, principal: Principal, name: str | None) -> None:
    """403 unless a caller that names a quota project may use it."""
    if name is None:
        return
    project = cloud.projects.find(name)
    resource = project.resource if project else f"projects/{name}"
    if not cloud.access.allowed(principal, "serviceusage.services.use", resource):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Caller does not have required permission to use project {name}. Grant the caller the "
            "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use "
            "permission.",
        )


def message(body: Mapping[str, Any], key: str) -> Json:
    """The object under `key`, an empty one when there is none, or 400."""
    value = body.get(key) or {}
    if not isinstance(value, dict):
        raise invalid_argument(f"Invalid value at '{key}': an object is expected.")
    return value


def strings(body: Mapping[str, Any], key: str) -> list[str]:
    """The list of strings under `key`, an empty one when there is none, or 400."""
    value = body.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid_argument(f"Invalid value at '{key}': a list of strings is expected.")
    return value


def mask(call: Call) -> list[str]:
    """The fields that an update names, in the API's spelling."""
    names = call.query.get("updateMask") or call.query.get("update_mask") or call.body.get("updateMask") or ""
    return [_camel(name.strip()) for name in str(names).split(",") if name.strip()]


def page(call: Call, key: str, items: Sequence[Json], *, default: int, most: int) -> Json:
    """One page of `items` under `key`, as pageSize and pageToken ask, in the URL or in the body of a POST."""
    asked = {**call.body, **call.query}
    try:
        size = min(int(asked.get("pageSize") or default), most) or default
        start = int(asked.get("pageToken") or 0)
    except (TypeError, ValueError) as error:
        raise invalid_argument("Invalid page size or page token.") from error
    if size < 0 or start < 0:
        raise invalid_argument("Invalid page size or page token.")
    answer: Json = {key: list(items[start : start + size])} if items else {}
    return {**answer, "nextPageToken": str(start + size)} if start + size < len(items) else answer


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
