"""The handler of a function's clone: it runs the layer's doctor with the function's own role, network and settings.

`keyless doctor FUNCTION` makes the clone, asks it once and removes it. The event: `{"function": the original's
name, "table": NAME or null, "verbose": bool}`. The answer: `{"report": Report.as_json(), "text": Report.as_text()}`, or
`{"lacks": ..., "words": ...}` where there is no doctor to run.
"""

import os
from collections.abc import Mapping
from typing import Any

# With it, `import keyless` begins an exchange on Lambda, and raises for a configuration that the doctor is to report.
os.environ.pop("AWS_LAMBDA_INITIALIZATION_TYPE", None)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Run the doctor and return its report."""
    try:
        from keyless.doctor import examine
    except ImportError as error:
        return {"lacks": _lack(error), "words": f"{type(error).__name__}: {error}"}
    # What the report tells people to run must be about the function, which is there when the clone is gone.
    environ = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": event["function"]}
    report = examine(environ, table=event.get("table"))
    return {"report": report.as_json(), "text": report.as_text(verbose=bool(event.get("verbose")))}


def _lack(error: ImportError) -> str:
    """Return what is missing: the layer, its doctor (in an old layer), or a layer that can be imported here."""
    return {"keyless": "layer", "keyless.doctor": "doctor"}.get(error.name or "", "import")
