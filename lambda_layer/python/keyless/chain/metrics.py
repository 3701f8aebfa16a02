"""CloudWatch metrics as lines of the log: one for each exchange, in the Embedded Metric Format.

Written by hand, as it is one JSON object: importing a library for it would cost a cold start more than the
exchange's own share of the processor. (AWS, "Specification: Embedded metric format".)
"""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from keyless.logs import writing


def emit(
    namespace: str,
    dimensions: Mapping[str, str],
    milliseconds: Mapping[str, float],
    retries: int,
    **properties: str | int | None,
) -> None:
    """Print one record: each of `milliseconds` and `retries` as a metric, `properties` beside them for queries."""
    units = dict.fromkeys(milliseconds, "Milliseconds") | {"retries": "Count"}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    record = {"_aws": metadata, **dimensions, **milliseconds, "retries": retries, **properties}
    with writing, suppress(OSError, ValueError):  # a closed standard output is no reason to fail a request
        sys.stdout.write(json.dumps(record) + "\n")  # in one piece: other threads write lines as well
        sys.stdout.flush()
