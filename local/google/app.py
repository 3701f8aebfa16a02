"""The whole of Google Cloud as one ASGI application: every API under its path prefix."""

import time
from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.google import administration
from local.google.api import (
    iam_pools,
    iam_roles,
    iam_service_accounts,
    iamcredentials,
    pubsub,
    resourcemanager,
    secretmanager,
    serviceusage,
    sts,
)
from local.google.api.storage import bucket_methods, object_methods, uploads
from local.google.api.storage.refusals import refusal as storage_refusal
from local.google.cloud import Cloud
from local.google.errors import not_found
from local.google.http.admission import begin, finish
from local.google.http.methods import Service
from local.google.iam.tokens import CLOUD_PLATFORM

AUTH = "https://www.googleapis.com/auth/"
STORAGE_SCOPES = frozenset({CLOUD_PLATFORM, *(AUTH + f"devstorage.{may}" for may in ("full_control", "read_write"))})
SERVICES = [
    Service(
        "/iam",
        "iam.googleapis.com",
        [*iam_pools.METHODS, *iam_service_accounts.METHODS, *iam_roles.METHODS],
        frozenset({CLOUD_PLATFORM, AUTH + "iam"}),
    ),
    Service(
        "/iamcredentials",
        "iamcredentials.googleapis.com",
        iamcredentials.METHODS,
        frozenset({CLOUD_PLATFORM, AUTH + "iam"}),
    ),
    Service(
        "/cloudresourcemanager",
        "cloudresourcemanager.googleapis.com",
        resourcemanager.METHODS,
        frozenset({CLOUD_PLATFORM, AUTH + "cloudplatformprojects"}),
    ),
    Service(
        "/serviceusage",
        "serviceusage.googleapis.com",
        serviceusage.METHODS,
        frozenset({CLOUD_PLATFORM, AUTH + "service.management"}),
    ),
    Service("/pubsub", pubsub.HOST, pubsub.METHODS, frozenset({CLOUD_PLATFORM, AUTH + "pubsub"})),
    Service("/secretmanager", secretmanager.HOST, secretmanager.METHODS),
    Service(
        "/storage",
        bucket_methods.HOST,
        [*bucket_methods.METHODS, *object_methods.METHODS, *uploads.METHODS],
        STORAGE_SCOPES,
        storage_refusal,
    ),
    # Google's Go client looks for uploads at the root of the host, whatever path its endpoint has.
    Service("", bucket_methods.HOST, uploads.METHODS, STORAGE_SCOPES, storage_refusal),
]


def create_app(cloud: Cloud, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The application over `cloud`, with the routes of APIs that need more than its state."""
    routes: list[BaseRoute] = [sts.route(cloud), *more]
    for service in SERVICES:
        routes += service.routes(cloud)
    routes += administration.routes(cloud)
    routes.append(Route("/healthz", lambda _request: JSONResponse({"ready": True}), methods=["GET"]))

    async def unknown(request: Request, error: Exception) -> Response:
        refusal = not_found(f"Method not found: {request.method} {request.url.path}")
        entry = begin(request.url.path.split("/")[1], "UnknownMethod")
        entry.reason = refusal.message
        finish(cloud, entry, time.monotonic(), 404)
        return JSONResponse(refusal.body(), 404)

    handlers: dict[Any, Any] = {HTTPException: unknown}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app
