"""API methods as HTTP routes: authentication, enabled APIs, JSON in and out, and one audit entry for each call."""

import re
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.google.cloud import Cloud
from local.google.errors import GoogleError, caller_lacks_permission, invalid_argument, scope_insufficient
from local.google.http.admission import begin, finish, require_enabled, require_quota_project, spend_quota
from local.google.http.bodies import read_body, read_json
from local.google.iam.principals import Principal
from local.google.iam.tokens import CLOUD_PLATFORM, Grant
from local.google.projects import Project
from local.google.state.audit import ADMIN_READ, ADMIN_WRITE, Entry

Json = dict[str, Any]
MAX_RAW_BODY = 64 * 1024 * 1024
INTERNAL = GoogleError(500, "INTERNAL", "Internal error encountered.")


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call of a method; `raw` is its body where the method takes other than JSON."""

    cloud: Cloud
    grant: Grant
    path: Mapping[str, str]
    query: QueryParams
    body: Json
    entry: Entry
    headers: Mapping[str, str]
    raw: bytes = b""

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
    """An HTTP route of a service, and the name that Google's audit logs have for it.

    `raw` if its body is no JSON; `data` is DATA_READ or DATA_WRITE where audit logs take it for a use of data.
    """

    verb: str
    path: str
    name: str
    handler: Callable[[Call], Json | Response]
    raw: bool = False
    data: str = ""

    @property
    def log_type(self) -> str:
        """What kind of call audit logs take it for."""
        reads = self.verb == "GET" or self.path.endswith((":getIamPolicy", ":testIamPermissions"))
        return self.data or (ADMIN_READ if reads else ADMIN_WRITE)


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
        entry, started = begin(self.service.host, self.method.name, self.method.log_type), time.monotonic()
        response: Response
        try:
            response = await self._answer(request, entry)
        except GoogleError as error:
            entry.reason, response = error.message, JSONResponse(self.service.refusal(error), error.code)
        except Exception:
            traceback.print_exc()
            response = JSONResponse(self.service.refusal(INTERNAL), INTERNAL.code)
        finish(self.cloud, entry, started, response.status_code)
        await response(scope, receive, send)

    async def _answer(self, request: Request, entry: Entry) -> Response:
        grant = self.cloud.tokens.authenticate(request.headers.get("authorization"))
        entry.principal, entry.delegation = grant.principal.name, grant.principal.delegation
        if not grant.scopes & self.service.scopes:
            raise scope_insufficient(self.service.host, self.method.name)
        require_enabled(self.cloud, self.service.host, request.path_params)
        spend_quota(self.cloud, entry, request.path_params)
        require_quota_project(self.cloud, grant.principal, request.headers.get("x-goog-user-project"))
        call = Call(
            cloud=self.cloud,
            grant=grant,
            path=request.path_params,
            query=request.query_params,
            body={} if self.method.raw else await read_json(request),
            entry=entry,
            headers=request.headers,
            raw=await read_body(request, MAX_RAW_BODY) if self.method.raw else b"",
        )
        answer = self.method.handler(call)
        return answer if isinstance(answer, Response) else JSONResponse(answer)


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
    return re.sub(r"_(.)", lambda match: match[1].upper(), name)
