"""Lambda's side of a process: the Runtime API on loopback, and the real runtime client that asks it for work.

What it cannot be: Firecracker. Nothing is frozen, snapshot or restored here; the process is told that it was.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.unit.conftest import LAYER, Ran

VERSION = "/2018-06-01/runtime/"
NEXT, RESTORE = f"{VERSION}invocation/next", f"{VERSION}restore/next"


class RuntimeApi:
    """Give it a handler's code; `invoke` sends an event to whichever of its processes asks first.

    `initialized` is set when the first of them asks: its init is over.
    """

    def __init__(self, on_restore: Callable[[], None] = lambda: None) -> None:
        self.on_restore = on_restore
        self.restores = 0
        self.initialized = threading.Event()
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._answers: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._server = _Server(self)

    @contextmanager
    def running(self, folder: Path, code: str, environ: Mapping[str, str], init: str) -> Iterator["RuntimeApi"]:
        """While inside, the handler runs; what it printed is in `ran` afterwards."""
        (folder / "handler.py").write_text(code)
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "handler.handler"],
            cwd=folder,
            env={
                "PYTHONPATH": f"{folder}:{LAYER}",
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
                "AWS_LAMBDA_INITIALIZATION_TYPE": init,
                **environ,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield self
        finally:
            self._events.put(("", None))
            os.killpg(process.pid, signal.SIGKILL)  # the process, and those that it forked
            out, err = process.communicate()
            self.ran = Ran(process.returncode, out, err)
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def send(self, event: Any) -> None:
        """Let the next process that asks have `event`."""
        self._events.put(("response", event))

    def answer(self) -> Any:
        """The next answer of a handler; AssertionError when it failed."""
        kind, answer = self._answers.get(timeout=60)
        assert kind == "response", answer
        return answer

    def invoke(self, event: Any = None) -> Any:
        """Send `event` and return the answer."""
        self.send(event)
        return self.answer()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api: RuntimeApi) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(ConnectionError):  # the process is killed while it waits for its next event
            super().finish_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        if self.path == RESTORE:
            self.server.api.restores += 1
            self.server.api.on_restore()
            return self._say(200, {})
        self.server.api.initialized.set()
        _, event = self.server.api._events.get()
        # The client is C++ and takes a missing header for a string: it needs all of them.
        self._say(
            200,
            event,
            {
                "Lambda-Runtime-Aws-Request-Id": os.urandom(8).hex(),
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 30_000),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:111122223333:function:handler",
                "Lambda-Runtime-Trace-Id": "Root=1-0-0",
                "Content-Type": "application/json",
            },
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
        self.server.api._answers.put((self.path.rpartition("/")[2], body))
        self._say(202, {})

    def _say(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        payload = json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: Any) -> None:
        pass
