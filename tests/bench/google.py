"""A Google that answers and breaks on demand: STS, IAM Credentials and BigQuery, each a host of its own.

It does not check who asks: that is the business of the unit tests and of the local Google.
"""

import asyncio
import contextlib
import datetime
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.certificates import Certificates
from tests.bench.hosts import Answer, Asked, Host, Traffic

STS, IAM, BIGQUERY = "sts.googleapis.com", "iamcredentials.googleapis.com", "bigquery.googleapis.com"
HOSTS = (STS, IAM, BIGQUERY)
PROJECT = "example-project"

HANG = 0
"""Instead of a status: no answer, and the connection stays open."""


class Google:
    """Use `running`. `lifetime` is that of new tokens, in seconds."""

    def __init__(self, certificates: Certificates) -> None:
        self.traffic = Traffic()
        self.asked: list[Asked] = []
        self.lifetime = 3600.0
        self.certificates = certificates
        self.ports: dict[str, int] = {}
        self._faults: dict[str, Iterator[int]] = {}
        self._numbers = itertools.count(1)
        tls = certificates.server_context()
        self.hosts = [Host(name, self._answer, self.traffic, tls) for name in HOSTS]

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, scratch: Path) -> AsyncIterator["Google"]:
        """All hosts, listening; keys and certificates are made in `scratch`, and for this run only."""
        google = cls(Certificates.make(scratch, HOSTS))
        servers: list[asyncio.Server] = []
        for host in google.hosts:
            servers.append(await host.listen())
            google.ports[host.name] = servers[-1].sockets[0].getsockname()[1]
        try:
            yield google
        finally:
            google.hang_up()
            for server in servers:
                server.close()

    def place(self, *, round_trip: float) -> None:
        """Move all hosts `round_trip` seconds away."""
        for host in self.hosts:
            host.distance = round_trip

    def clear(self) -> None:
        """Forget what was asked and every fault."""
        self.asked.clear()
        self.traffic.clear()
        self._faults.clear()

    def fail(self, host: str, statuses: Iterable[int]) -> None:
        """Answer the next requests to `host` with `statuses` (HANG: not at all); then work again."""
        self._faults[host] = iter(statuses)

    def hang_up(self) -> None:
        """Close all connections."""
        for host in self.hosts:
            host.hang_up()

    def requests(self) -> Counter[str]:
        """How many requests each host got."""
        return Counter(asked.host for asked in self.asked)

    def _answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        status = next(self._faults.get(asked.host, iter(())), None)
        if status == HANG:
            return None
        if status is not None:
            return status, json.dumps({"error": {"code": status, "message": "injected", "status": "UNKNOWN"}}).encode()
        if asked.host == STS:
            return _json(self._federated())
        if asked.path.endswith(":generateAccessToken"):
            return _json(self._impersonated())
        if asked.host == BIGQUERY:
            return _json(_JOB if asked.path.split("?")[0].endswith("/jobs") else _ROWS)
        return 404, b"{}"

    def _token(self) -> str:
        return f"ya29.{next(self._numbers):08}{'x' * 180}"

    def _federated(self) -> dict[str, Any]:
        kind = "urn:ietf:params:oauth:token-type:access_token"
        return {
            "access_token": self._token(),
            "issued_token_type": kind,
            "token_type": "Bearer",
            "expires_in": int(self.lifetime),
        }

    def _impersonated(self) -> dict[str, Any]:
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.lifetime)
        return {"accessToken": self._token(), "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _json(content: dict[str, Any]) -> Answer:
    return 200, json.dumps(content).encode()


_REFERENCE = {"projectId": PROJECT, "jobId": "job", "location": "US"}
_SCHEMA = {"fields": [{"name": "corpus", "type": "STRING"}, {"name": "words", "type": "INTEGER"}]}
_ROWS = {
    "kind": "bigquery#queryResponse",
    "jobComplete": True,
    "jobReference": _REFERENCE,
    "queryId": "query",
    "schema": _SCHEMA,
    "rows": [{"f": [{"v": name}, {"v": str(words)}]} for name, words in (("hamlet", 5233), ("henryv", 5046))],
    "totalRows": "2",
}
_JOB = {
    "kind": "bigquery#job",
    "id": f"{PROJECT}:US.job",
    "jobReference": _REFERENCE,
    "status": {"state": "DONE"},
    "statistics": {"query": {"statementType": "SELECT"}},
    "configuration": {
        "jobType": "QUERY",
        "query": {
            "query": "SELECT",
            "destinationTable": {"projectId": PROJECT, "datasetId": "_anonymous", "tableId": "anon"},
        },
    },
}
