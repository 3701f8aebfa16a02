"""The local Google Cloud as a server on loopback."""

import signal

import uvicorn
from starlette.routing import Route

from local.google.app import create_app
from local.google.bigquery import gate, refusals, shakespeare, table_policies
from local.google.bigquery.emulator import Emulator
from local.google.cloud import Cloud, Settings
from local.google.http.methods import Service

LOOPBACK = "127.0.0.1"


async def serve(settings: Settings, port: int) -> None:
    """Listen once everything is ready, until told to stop."""
    cloud = Cloud.start(settings)
    emulator = await Emulator.start(settings.project)
    try:
        await shakespeare.fill(cloud, emulator)
        app = create_app(cloud, bigquery_routes(cloud, emulator))
        config = uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", access_log=False, lifespan="off")
        for sign in (signal.SIGINT, signal.SIGTERM):
            # uvicorn stops serving, then raises the signal again: by default that would end the clean-up below.
            signal.signal(sign, lambda _sign, _frame: None)
        await uvicorn.Server(config).serve()
    finally:
        await emulator.stop()


def bigquery_routes(cloud: Cloud, emulator: Emulator) -> list[Route]:
    """BigQuery's routes: the table policies here, everything else through the gate to the emulator."""
    policies = Service("/bigquery", gate.HOST, table_policies.methods(emulator), gate.SCOPES, refusals.refusal)
    return [*policies.routes(cloud), *gate.routes(cloud, emulator)]
