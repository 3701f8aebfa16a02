"""bqemulator 1.4.0 without its servers, and mended where it is not BigQuery.

It is put together here rather than started, for its own start would open a gRPC port that checks nobody.
Faults mended from outside (one more is the gate's: a failed jobs.query answers 200 with an empty result):

1. DuckDB's spatial extension is downloaded at start; nothing here needs it.
2. A multipart upload whose media part is `*/*`, as Google's clients send it, is refused.
3. Queries could read the machine's files through DuckDB; only the folder of staged uploads stays open.
4. Its one database connection is used from several threads at once, which loses results and can wait for ever:
   whoever wants something of it takes a `turn`.

What it does to rows that are streamed in is mended in `streaming`, and what it forgets of a table in `metadata`.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bqemulator.api.routes.upload as upload_routes
from bqemulator.api.app import create_app
from bqemulator.api.dependencies import AppContext
from bqemulator.catalog.memory_repository import MemoryCatalogRepository
from bqemulator.config import LogLevel, Settings
from bqemulator.domain.clock import SystemClock
from bqemulator.domain.events import EventBus
from bqemulator.jobs.upload_session_manager import UploadSessionManager
from bqemulator.observability.logging_ import configure_logging
from bqemulator.observability.metrics import MetricsRegistry
from bqemulator.row_access.policy import RowAccessPolicyManager
from bqemulator.storage.engine import DuckDBEngine
from bqemulator.streaming.write_stream import WriteStreamManager
from bqemulator.udf.runtime import UDFRegistry
from bqemulator.versioning.snapshots import SnapshotManager
from starlette.types import Message

from local.google.bigquery.catalog import Catalog


class _Engine(DuckDBEngine):
    def _load_spatial(self) -> None:
        """Nothing: mends the first fault."""


_is_permitted = upload_routes._is_permitted_media_type


def _is_permitted_media_type(media_ct: str) -> bool:
    return media_ct == "*/*" or _is_permitted(media_ct)


@dataclass(slots=True)
class Answer:
    """What the emulator answered."""

    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Emulator(Catalog):
    """A running emulator, spoken to over ASGI without a socket."""

    def __init__(self, context: AppContext, staging: "tempfile.TemporaryDirectory[str]") -> None:
        super().__init__(context)
        self._staging = staging
        self._app = create_app(context)
        self.turn = asyncio.Lock()

    @classmethod
    async def start(cls, project: str) -> "Emulator":
        """Start with no dataset at all."""
        upload_routes._is_permitted_media_type = _is_permitted_media_type
        staging = tempfile.TemporaryDirectory(prefix="keyless-bigquery-")
        settings = Settings(
            default_project_id=project,
            enable_format_extensions=False,
            log_level=LogLevel.CRITICAL,
            metrics_enabled=False,
            upload_staging_dir=Path(staging.name),
        )
        configure_logging(level=settings.log_level, fmt=settings.log_format)
        engine = _Engine(settings)
        await engine.start()
        engine.execute(f"SET allowed_directories = ['{staging.name}']")
        engine.execute("SET enable_external_access = false")
        return cls(_context(settings, engine), staging)

    async def stop(self) -> None:
        """Close the database and remove what was staged."""
        await self._context.engine.stop()
        self._staging.cleanup()

    async def send(self, verb: str, path: str, query: str = "", body: bytes = b"", **headers: str) -> Answer:
        """Make a request; header names are given with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-length": str(len(body))}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": verb,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 0),
        }
        answer, messages = Answer(), [{"type": "http.request", "body": body}]

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        await self._app(scope, receive, send)
        return answer


def upload_configuration(content_type: str, body: bytes) -> Mapping[str, Any]:
    """The job configuration in a multipart upload, read just as the emulator will read it."""
    envelope, _ = upload_routes._parse_multipart_related(content_type, body)
    configuration: Mapping[str, Any] = upload_routes._load_configuration_from_envelope(envelope)
    return configuration


def _context(settings: Settings, engine: DuckDBEngine) -> AppContext:
    clock, events, catalog = SystemClock(), EventBus(), MemoryCatalogRepository(engine)
    return AppContext(
        settings=settings,
        clock=clock,
        engine=engine,
        catalog=catalog,
        metrics=MetricsRegistry(),
        events=events,
        udf_registry=UDFRegistry(settings),
        snapshots=SnapshotManager(
            engine=engine,
            catalog=catalog,
            clock=clock,
            events=events,
            retention_days=settings.time_travel_retention_days,
        ),
        row_access=RowAccessPolicyManager(catalog=catalog, clock=clock),
        write_streams=WriteStreamManager(),
        upload_sessions=UploadSessionManager(
            staging_dir=settings.upload_staging_dir,
            max_bytes=settings.upload_max_bytes,
            ttl_seconds=settings.upload_session_ttl_seconds,
            clock=clock,
        ),
    )
