"""The local Google as a process of its own, and what its admin sees and does there."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import requests

from local.process import Server, free_port

Json = dict[str, Any]
PROJECT, NUMBER = "keyless-local", "472918365047"
PROJECT_POLICY = f"cloudresourcemanager/v1/projects/{PROJECT}"


class BearerSession(requests.Session):
    """A session with a fixed token."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {token}"


@dataclass(frozen=True, slots=True)
class LocalGoogle:
    """The local Google as its admin sees it."""

    url: str
    token: str

    @classmethod
    @contextmanager
    def started(cls, folder: Path, *options: str) -> Iterator[Self]:
        """A fresh one, ended with the block."""
        port, token = free_port(), secrets.token_hex(24)
        command = [sys.executable, "-m", "local", "google", "--port", str(port), "--aws-endpoint", "http://127.0.0.1:9"]
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOOGLE_ADMIN_TOKEN": token}
        server = Server.start("The local Google", [*command, *options], env=env, log=folder / "google.log")
        try:
            server.wait_until_healthy(f"http://127.0.0.1:{port}/healthz")
            yield cls(f"http://127.0.0.1:{port}", token)
        finally:
            server.stop()

    def call(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """One request as the admin; raises on any refusal."""
        with BearerSession(self.token) as session:
            answer = session.request(method, f"{self.url}/{path}", json=body, params=query, timeout=30)
        answer.raise_for_status()
        found: Json = answer.json() if answer.content else {}
        return found

    def find(self, path: str) -> Json | None:
        """A resource, or None."""
        try:
            return self.call("GET", path)
        except requests.HTTPError as error:
            if error.response.status_code != 404:
                raise
            return None

    def members(self, policy: str = PROJECT_POLICY) -> set[tuple[str, str]]:
        """(role, member) of a policy."""
        query = {"options.requestedPolicyVersion": "3"} if "serviceAccounts" in policy else {}
        body = {} if query else {"options": {"requestedPolicyVersion": 3}}
        found = self.call("POST", f"{policy}:getIamPolicy", body, **query)
        return {(entry["role"], member) for entry in found.get("bindings", []) for member in entry["members"]}

    def dataset(self, name: str) -> str:
        """A new dataset; its path."""
        path = f"bigquery/bigquery/v2/projects/{PROJECT}/datasets"
        self.call("POST", f"serviceusage/v1/projects/{PROJECT}/services/bigquery.googleapis.com:enable", {})
        self.call("POST", path, {"datasetReference": {"projectId": PROJECT, "datasetId": name}})
        return f"{path}/{name}"

    def bind(self, role: str, member: str, policy: str = PROJECT_POLICY, **condition: str) -> None:
        """Add a binding, as another administrator would."""
        found = self.call("POST", f"{policy}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
        entry: Json = {"role": role, "members": [member]}
        bindings = [*found.get("bindings", []), {**entry, "condition": condition} if condition else entry]
        self.call("POST", f"{policy}:setIamPolicy", {"policy": {**found, "bindings": bindings, "version": 3}})
