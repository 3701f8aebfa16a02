"""BigQuery: an emulator that checks nobody, behind a gate that checks everybody."""

from bqemulator.config import LogFormat, LogLevel
from bqemulator.observability.logging_ import configure_logging

# Here, before its other modules are imported: they log while they are.
configure_logging(level=LogLevel.CRITICAL, fmt=LogFormat.CONSOLE)
