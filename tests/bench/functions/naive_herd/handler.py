"""The same herd with google-auth's own credentials."""

import threading
from typing import Any

import google.auth
import google.auth.transport.requests

THREADS = 64

request = google.auth.transport.requests.Request()
credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answer with how many threads got a token, and how many different ones they got."""
    tokens: list[str] = []
    together = threading.Barrier(THREADS)

    def ask() -> None:
        headers: dict[str, str] = {}
        together.wait()
        credentials.before_request(request, "GET", "https://bigquery.googleapis.com/", headers)
        tokens.append(headers["authorization"])

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answered": len(tokens), "different": len(set(tokens))}
