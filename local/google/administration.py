"""What Google has no API for, under /_local and for the admin alone: the audit log, quotas, lives of tokens."""

import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.google.cloud import ADMIN, Cloud
from local.google.errors import GoogleError, invalid_argument, permission_denied
from local.google.http.bodies import read_json, strings

Json = dict[str, Any]


def routes(cloud: Cloud) -> list[Route]:
    """The routes; every answer is JSON."""

    async def audit(request: Request) -> Json:
        """The audit log from entry `since` on; with `logged=true` what Cloud Audit Logs would hold of it."""
        since, logged = request.query_params.get("since", "0"), request.query_params.get("logged") == "true"
        return cloud.audit.since(max(0, int(since)), logged=logged)

    async def quotas(_request: Request) -> Json:
        """The quotas in force."""
        return {"quotas": cloud.quotas.texts()}

    async def set_quotas(request: Request) -> Json:
        """Replace the quotas in force by those in the body; an empty list lifts them all."""
        cloud.quotas.replace(strings(await read_json(request), "quotas"))
        return {"quotas": cloud.quotas.texts()}

    async def set_lifetime(request: Request) -> Json:
        """Let tokens that are made from now on live for so many seconds at most; null for as long as at Google."""
        longest = (await read_json(request)).get("seconds")
        if longest is not None and (type(longest) is not int or longest < 1):
            raise invalid_argument("seconds must be a whole number from 1 on, or null.")
        cloud.tokens.longest = longest or math.inf
        return {"seconds": longest}

    return [
        Route("/_local/audit", _guarded(cloud, audit), methods=["GET"]),
        Route("/_local/quota", _guarded(cloud, quotas), methods=["GET"]),
        Route("/_local/quota", _guarded(cloud, set_quotas), methods=["PUT"]),
        Route("/_local/lifetime", _guarded(cloud, set_lifetime), methods=["PUT"]),
    ]


def _guarded(cloud: Cloud, act: Callable[[Request], Awaitable[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            grant = cloud.tokens.authenticate(request.headers.get("authorization"))
            if grant.principal.name != ADMIN:
                raise permission_denied("local.cloud.administer", cloud.settings.project)
            return JSONResponse(await act(request))
        except GoogleError as error:
            return JSONResponse(error.body(), error.code)
        except ValueError as error:
            return JSONResponse(invalid_argument(str(error)).body(), 400)

    return guarded
