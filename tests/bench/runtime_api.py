"""Lambda's Runtime API for one process (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field

DEADLINE = 60.0
"""Seconds that an invocation may take."""

_ARN = "arn:aws:lambda:eu-central-1:111122223333:function:bench"


@dataclass(slots=True)
class RuntimeApi:
    """What the runtime said, and when (by the event loop's clock), in the order in which it said it.

    asked: it wants the next event. answers: the body of an answer, and whether it tells of an error.
    """

    asked: "asyncio.Queue[float]" = field(default_factory=asyncio.Queue)
    answers: "asyncio.Queue[tuple[float, bytes, bool]]" = field(default_factory=asyncio.Queue)
    _waiting: "_Connection | None" = None

    async def listen(self) -> asyncio.Server:
        """Begin to listen on a port of loopback."""
        return await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0)

    def send(self, payload: bytes) -> None:
        """Give the runtime, which asked for it, the next event."""
        assert self._waiting is not None, "the runtime has not asked"
        self._waiting.send(
            "200 OK",
            payload,
            {
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + DEADLINE) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            },
        )

    def took(self, connection: "_Connection", path: str, body: bytes) -> None:
        """A request of the runtime's."""
        now = asyncio.get_running_loop().time()
        if path.endswith("/invocation/next"):
            self._waiting = connection
            self.asked.put_nowait(now)
            return
        connection.send("202 Accepted", b"", {})
        if not path.endswith("/init/error"):  # the process ends after that one, and its output says why
            self.answers.put_nowait((now, body, path.endswith("/error")))


class _Connection(asyncio.Protocol):
    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._text = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._text += data
        head, end, rest = self._text.partition(b"\r\n\r\n")
        first, *lines = head.decode().lower().split("\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
        if end and len(rest) >= length:
            self._text = rest[length:]
            self._api.took(self, first.split(" ")[1], rest[:length])

    def send(self, status: str, body: bytes, headers: dict[str, str]) -> None:
        """Answer the request that is open."""
        given = headers | {"Content-Type": "application/json", "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._transport.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)
