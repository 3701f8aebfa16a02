"""The local Google in a thread of this process: a fresh one for each test takes no time. BigQuery holds no data."""

import asyncio
import secrets
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn

from local.google.app import create_app
from local.google.cloud import Cloud, Settings
from local.google.server import bigquery_routes
from tests.local.local_google import LocalGoogle
from tests.local.schedules.cloud import Catalogue


@contextmanager
def quick_google(more_projects: Mapping[str, str] | None = None) -> Iterator[LocalGoogle]:
    """A fresh one, with more projects, number by ID, ended with the block."""
    token = secrets.token_hex(24)
    settings = Settings(aws_endpoint="http://127.0.0.1:9", admin_token=token, more_projects=more_projects or {})
    cloud = Cloud.start(settings)
    app = create_app(cloud, bigquery_routes(cloud, Catalogue()))  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            yield LocalGoogle(f"http://127.0.0.1:{listener.getsockname()[1]}", token)
        finally:
            server.should_exit = True
            thread.join()
