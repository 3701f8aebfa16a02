"""What a function prints, in CloudWatch Logs: line by line, in order, from the first moment of init.

MiniStack itself writes a function's output after the invocation, and loses what init printed.
"""

import contextlib
import datetime
import os
import queue
import select
import threading
import time
import uuid
from typing import IO

from local.aws.functions.variables import FunctionConfig
from local.aws.internals import cloudwatch_logs, lambda_svc

_making = threading.Lock()


class LogStream:
    """The log stream of one execution environment; group and stream are made by the first line."""

    def __init__(self, config: FunctionConfig) -> None:
        self._config = config
        self.group: str = (config.get("LoggingConfig") or {}).get("LogGroup") or (
            f"/aws/lambda/{config['FunctionName']}"
        )
        day = datetime.datetime.now(datetime.UTC).strftime("%Y/%m/%d")
        self.name = f"{day}/[{config.get('Version', '$LATEST')}]{uuid.uuid4().hex}"

    def write(self, *lines: str) -> None:
        """Append `lines`, stamped with this moment. Callable from any thread."""
        if not lines:
            return
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines]
        # MiniStack finds the account and region of a record in context variables, which threads lack.
        lambda_svc._run_with_function_config_scope(self._config, self._put, events)

    def note(self, *lines: str) -> None:
        """Append `lines` of Lambda's own, which tell of no error, where the function's log level lets them in.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        """
        if (self._config.get("LoggingConfig") or {}).get("SystemLogLevel") != "WARN":
            self.write(*lines)

    def _put(self, events: list[dict[str, object]]) -> None:
        stream = {"logGroupName": self.group, "logStreamName": self.name}
        # Both answer with an error when the thing exists: exactly what is wanted here. Two at a time would both find
        # that it does not, and one's lines would go with the group that the other's replaces.
        with _making:
            cloudwatch_logs._create_log_group({"logGroupName": self.group})
            cloudwatch_logs._create_log_stream(stream)
        cloudwatch_logs._put_log_events({**stream, "logEvents": events})


class Output:
    """The pipe that an environment's stdout and stderr go to, taken in by a thread of its own."""

    def __init__(self, pipe: IO[bytes], log: LogStream, tail: "queue.Queue[str]") -> None:
        self._pipe, self._log, self._tail = pipe, log, tail
        self._turn = threading.Lock()
        self._partial = b""
        self._ended = False
        os.set_blocking(pipe.fileno(), False)

    def pump(self) -> None:
        """Take in lines until the last writer closes the pipe."""
        # poll() rather than select(), which refuses descriptors above 1023.
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN | select.POLLHUP)
        while not self._ended:
            poll.poll()
            self.settle()
        self._pipe.close()

    def settle(self) -> None:
        """Take in everything that was printed until now: the next line written comes after it."""
        with self._turn:
            if self._ended:
                return
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(self._pipe.fileno(), 65536):
                    self._take(chunk)
                self._ended = True
                self._flush()

    def flush(self) -> None:
        """Settle, and take the beginning of an unfinished line for a line."""
        self.settle()
        with self._turn:
            self._flush()

    def _take(self, chunk: bytes) -> None:
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        self._write(lines)

    def _flush(self) -> None:
        rest, self._partial = self._partial, b""
        self._write([rest] if rest else [])

    def _write(self, lines: list[bytes]) -> None:
        texts = [line.decode(errors="replace") for line in lines]
        self._log.write(*texts)
        for text in texts:
            with contextlib.suppress(queue.Full):
                self._tail.put_nowait(text)
