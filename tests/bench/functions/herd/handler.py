"""Threads that all need a token at the same moment."""

import threading
from typing import Any

import keyless

THREADS = 64

credentials = keyless.credentials()
keyless.ready()


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answer with how many threads got a token, and how many different ones they got."""
    tokens: list[str] = []
    together = threading.Barrier(THREADS)

    def ask() -> None:
        headers: dict[str, str] = {}
        together.wait()
        credentials.before_request(None, "GET", "https://bigquery.googleapis.com/", headers)
        tokens.append(headers["authorization"])

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"answered": len(tokens), "different": len(set(tokens))}
