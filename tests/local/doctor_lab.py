"""Functions to examine on a local AWS, with a layer whose doctor only tells where it is, and a way to spoil answers."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from local.setup import machine
from tests.local.aws_lab import PYTHON, LocalAws, archive, local_aws

DOCTOR = """
import os, sys

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    raise RuntimeError("importing keyless would begin an exchange")

class Report:
    def __init__(self, environ, table):
        files = {name: open(name).read() for name in sorted(os.listdir(".")) if name.endswith(".json")}
        seen = {"variables": dict(environ), "table": table, "files": files, "timeout": 300}
        code = int(environ.get("CODE", "0"))
        self._report = {"verdict": "ok", "broken": environ.get("LINK"), "exit_code": code, "checks": [], "seen": seen}

    def as_json(self):
        return self._report

    def as_text(self, *, verbose=False):
        return "looked at, verbosely" if verbose else "looked at"

def examine(environ, *, table=None):
    if environ.get("CRASH"):
        sys.exit(3)
    if "SAY" in environ:
        print(environ["SAY"])
    return Report(environ, table)
"""
LAYERS = {
    "keyless": {"python/keyless/__init__.py": "", "python/keyless/doctor.py": DOCTOR},
    "old": {"python/keyless/__init__.py": ""},
    "broken": {"python/keyless/__init__.py": "import _cffi_backend_of_another_architecture"},
    "other": {"python/something.py": ""},
}
ROLE = "reader"
CUT: tuple[int, dict[str, Any]] = (0, {})
"""As an answer: the connection is closed without one."""


@dataclass(slots=True)
class Lab:
    """A local AWS with the layers above."""

    aws: LocalAws
    layers: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, *layers: str, files: dict[str, str] | None = None, **more: Any) -> str:
        """A function with these layers; its ARN."""
        given = {
            "Runtime": PYTHON,
            "Architectures": [machine()],
            "Role": f"arn:aws:iam::{self.aws.client('sts').get_caller_identity()['Account']}:role/{ROLE}",
            "Handler": "handler.handler",
            "Code": {"ZipFile": archive({"handler.py": "", **(files or {})})},
            "Layers": [self.layers[layer] for layer in layers],
            **more,
        }
        made = self.aws.client("lambda").create_function(FunctionName=name, **given)
        self.aws.client("lambda").get_waiter("function_active").wait(FunctionName=name, WaiterConfig={"Delay": 1})
        return str(made["FunctionArn"])

    def functions(self) -> set[str]:
        """The names of all functions."""
        pages = self.aws.client("lambda").get_paginator("list_functions").paginate()
        return {function["FunctionName"] for page in pages for function in page["Functions"]}

    def log_groups(self) -> set[str]:
        """The names of all log groups."""
        return {group["logGroupName"] for group in self.aws.client("logs").describe_log_groups()["logGroups"]}


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A local AWS of its own, with a role and the layers."""
    with local_aws(folder) as aws:
        aws.create_role(ROLE)
        made = Lab(aws)
        for name, files in LAYERS.items():
            answer = aws.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": archive(files)})
            made.layers[name] = answer["LayerVersionArn"]
        yield made


@dataclass(slots=True)
class Spoiler:
    """A server in front of the local AWS that spoils what it is told to, and remembers what it was asked.

    `spoil` holds, for a request such as `DELETE /2015-03-31/functions/`, answers to give instead, in order:
    a status and a JSON object, `CUT` for none at all, or None for passing it on and giving back a status 500.
    """

    port: int
    spoil: dict[str, list[tuple[int, dict[str, Any]] | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    server: ThreadingHTTPServer = field(init=False)

    @contextmanager
    def running(self) -> Iterator["Spoiler"]:
        """Serve on a free port of loopback."""
        spoiler = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, content = spoiler.answer(self.command, self.path, dict(self.headers.items()), body)
                if status == CUT[0]:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do_PUT = _serve

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """The local AWS's answer, or the spoiled one."""
        request = f"{method} {path}"
        self.asked.append(request)
        rules = next((answers for start, answers in self.spoil.items() if request.startswith(start) and answers), [])
        spoiled = rules.pop(0) if rules else ()
        if spoiled:
            status, content = spoiled
            return status, json.dumps(content).encode()
        status, answer = self._pass_on(method, path, headers, body)
        return (500, b"{}") if spoiled is None else (status, answer)

    def _pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
