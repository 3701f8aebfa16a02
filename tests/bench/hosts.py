"""Google's hosts on loopback: TLS 1.3, one address each, and as far away as the bench says.

Everything is in one event loop, so the order in which things reach the client is known and can be counted.
"""

import asyncio
import ssl
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, bytes] | None
"""Status and body; None is no answer at all, ever."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; header names are in lower case."""

    host: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Visit:
    """What one connection was used for; times are the event loop's, seen from the client."""

    host: str
    opened: float
    secured: float = 0.0
    requests: list[tuple[float, float, str]] = field(default_factory=list)


@dataclass(slots=True)
class Traffic:
    """All that happened since the last `clear`.

    `turns` counts round trips that had to wait for one another: whatever the client sends belongs to the turn
    after the latest one whose answer had reached it. Handshakes side by side are one turn, in a row they are many.
    """

    visits: list[Visit] = field(default_factory=list)
    turns: int = 0

    def clear(self) -> None:
        """Forget what was; connections that are open stay open."""
        self.visits.clear()
        self.turns = 0

    def connections(self) -> Counter[str]:
        """How many connections each host got."""
        return Counter(visit.host for visit in self.visits)


class Host:
    """One Google host; `answer` makes its answers, `distance` is the round trip to it in seconds."""

    def __init__(self, name: str, answer: Callable[[Asked], Answer], traffic: Traffic, tls: ssl.SSLContext) -> None:
        self.name, self.answer, self.traffic, self.tls = name, answer, traffic, tls
        self.distance = 0.0
        self.open: set[_Connection] = set()

    async def listen(self) -> asyncio.Server:
        """Begin to listen on a port of loopback."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=256)

    def hang_up(self) -> None:
        """Close every connection, as a load balancer does with idle ones."""
        for connection in list(self.open):
            connection.close()


class _Delay:
    """Hands things on later, in order."""

    def __init__(self, deliver: Callable[[Any], None]) -> None:
        self._deliver = deliver
        self._waiting: deque[Any] = deque()
        self._loop = asyncio.get_running_loop()

    def put(self, thing: Any, when: float) -> None:
        self._waiting.append(thing)
        self._loop.call_at(when, self._next)

    def _next(self) -> None:
        self._deliver(self._waiting.popleft())


@dataclass(frozen=True, slots=True)
class _Flight:
    """Bytes under way and the turn they belong to; `counts` when the client has to wait for them."""

    data: bytes
    turn: int
    counts: bool = True
    request: tuple[float, str] | None = None


class _Connection(asyncio.Protocol):
    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._sending, self._to_host, self._to_client = _Delay(self._sent), _Delay(self._arrived), _Delay(self._seen)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = host.tls.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shaken = False
        self._text = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._visit = Visit(self._host.name, self._loop.time())
        self._host.open.add(self)
        self._host.traffic.visits.append(self._visit)
        # The kernel has accepted at once; over this distance the client could not have sent anything before then.
        self._connected = self._loop.time() + self._host.distance
        self._to_client.put(_Flight(b"", self._host.traffic.turns + 1), self._connected)

    def connection_lost(self, exc: Exception | None) -> None:
        self._host.open.discard(self)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._sending.put(data, max(self._loop.time(), self._connected))

    def _sent(self, data: bytes) -> None:
        turn = self._host.traffic.turns + 1
        self._to_host.put((data, turn, self._loop.time()), self._loop.time() + self._host.distance / 2)

    def _arrived(self, thing: tuple[bytes, int, float]) -> None:
        data, turn, sent = thing
        self._incoming.write(data)
        if not self._shaken:
            self._shake(turn)
        if self._shaken:
            self._read(turn, sent)

    def _shake(self, turn: int) -> None:
        try:
            self._tls.do_handshake()
            self._shaken = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # the client did not like us
            self._transport.abort()
            return
        self._reply(turn, counts=not self._shaken)  # nobody waits for the session tickets that follow it

    def _read(self, turn: int, sent: float) -> None:
        try:
            while text := self._tls.read(65536):
                self._text += text
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._transport.abort()
            return
        while (asked := self._request()) is not None:
            answer = self._host.answer(asked)
            if answer is None:
                continue
            status, body = answer
            head = f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self._tls.write(head.encode() + body)
            self._reply(turn, request=(sent, f"{asked.method} {asked.path.split('?')[0]}"))

    def _request(self) -> Asked | None:
        head, end, rest = self._text.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        self._text = rest[length:]
        method, path, _ = first.split(" ", 2)
        return Asked(self._host.name, method, path, headers, rest[:length])

    def _reply(self, turn: int, *, counts: bool = True, request: tuple[float, str] | None = None) -> None:
        if data := self._outgoing.read():
            flight = _Flight(data, turn, counts, request)
            self._to_client.put(flight, self._loop.time() + self._host.distance / 2)

    def _seen(self, flight: _Flight) -> None:
        if flight.counts:
            self._host.traffic.turns = max(self._host.traffic.turns, flight.turn)
        if flight.request:
            sent, what = flight.request
            self._visit.requests.append((sent, self._loop.time(), what))
        elif flight.data and not self._visit.secured:
            self._visit.secured = self._loop.time()
        self._transport.write(flight.data)
