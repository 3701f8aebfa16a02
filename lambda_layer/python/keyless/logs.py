"""One line of JSON for each token that was made or missed, in a form that both people and programs read.

On Lambda the lines go to standard output, and so to CloudWatch, whatever the root logger's level (WARNING
by default there). `logging.getLogger("keyless").setLevel("WARNING")` leaves out all but failures.
"""

import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_logger = logging.getLogger("keyless")
_logger.addHandler(logging.NullHandler())  # outside Lambda the application decides


writing = threading.RLock()
"""Held while a line is written. A fork waits for it: standard output has a lock of its own, which a child would
find closed for ever if a thread of the parent's, a renewal's for one, was writing just then."""

os.register_at_fork(before=writing.acquire, after_in_parent=writing.release, after_in_child=writing.release)


class JsonLine(logging.Formatter):
    """Formats an event as one JSON object; `timestamp` and `level` are what Lambda's own log filter looks for."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as `{"timestamp", "level", "keyless": event, ...fields}`."""
        known = {"timestamp": utc(record.created), "level": record.levelname}
        name = getattr(record, "event", record.getMessage())
        return json.dumps(known | {"keyless": name} | getattr(record, "fields", {}), ensure_ascii=False)


def utc(seconds: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(name: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log the event `name` with `fields`, none of which may be secret."""
    with writing:
        _logger.log(level, "keyless: %s %s", name, fields, extra={"event": name, "fields": fields})


def to_stdout() -> None:
    """Send the events to standard output as JSON lines, and nowhere else."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLine())
    _logger.handlers = [handler]
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
