"""The load: keep-alive HTTP connections that post ready-made requests as fast as they are answered.

A protocol of its own rather than a client library, so that on two cores the load costs as little as
may be and the server under test is what is measured. It stops by itself.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import cast


@dataclass(slots=True)
class Outcome:
    """What a load saw."""

    seconds: float = 0.0
    acknowledged: list[int] = field(default_factory=list)
    """Indexes of the requests that were answered 200."""
    refused: int = 0
    """Requests that were answered anything else, or not at all."""
    latencies: list[float] = field(default_factory=list)
    """Seconds of each acknowledged request, from the moment it was due."""

    @property
    def rate(self) -> float:
        """Acknowledged requests a second."""
        return len(self.acknowledged) / self.seconds

    def percentile(self, share: float) -> float:
        """A latency in milliseconds: `share` of the requests were answered within it."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One HTTP/1.1 POST as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def post(
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
) -> Outcome:
    """Post in a process of its own for so many seconds, or until the requests run out.

    Without a rate each connection posts the next as soon as the last is answered; with one, they
    are due at even distances, and waiting for a free connection counts as latency.
    """
    context = get_context("fork")
    ours, theirs = context.Pipe()
    worker = context.Process(
        target=_work, args=(theirs, port, requests, connections, seconds, rate)
    )
    worker.start()
    theirs.close()  # so that a worker that dies ends the wait below
    try:
        found: Outcome = ours.recv()
    finally:
        worker.join()
    return found


def _work(
    pipe: Connection,
    port: int,
    requests: Sequence[bytes],
    connections: int,
    seconds: float,
    rate: float | None,
) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pipe.send(runner.run(_post(port, requests, connections, seconds, rate)))


async def _post(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float | None
) -> Outcome:
    loop = asyncio.get_running_loop()
    outcome = Outcome()
    source = _Source(requests, seconds=seconds, rate=rate)
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(source, outcome), "127.0.0.1", port
        )
        clients.append(client)
    started = source.start()
    for client in clients:
        client.next()
    await asyncio.wait([client.finished for client in clients])
    outcome.seconds = time.perf_counter() - started
    return outcome


class _Source:
    """Hands out the requests, each once, when it is due."""

    def __init__(self, requests: Sequence[bytes], *, seconds: float, rate: float | None) -> None:
        self._numbered: Iterator[tuple[int, bytes]] = enumerate(requests)
        self._seconds = seconds
        self._rate = rate
        self._begun = 0.0

    def start(self) -> float:
        self._begun = time.perf_counter()
        return self._begun

    def take(self) -> tuple[int, bytes, float] | None:
        """The next request with the moment it is due; None when the load is over."""
        now = time.perf_counter()
        if now - self._begun > self._seconds:
            return None
        found = next(self._numbered, None)
        if found is None:
            return None
        due = now if self._rate is None else self._begun + found[0] / self._rate
        return *found, due


class _Client(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, source: _Source, outcome: Outcome) -> None:
        self._source = source
        self._outcome = outcome
        self._loop = asyncio.get_running_loop()
        self.finished = self._loop.create_future()
        self._answer = b""
        self._index = -1
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def next(self) -> None:
        """Post the next request when it is due."""
        taken = self._source.take()
        if taken is None:
            self._index = -1
            self._transport.close()
            return
        self._index, data, self._due = taken
        wait = self._due - time.perf_counter()
        if wait > 0.0005:
            self._loop.call_later(wait, self._transport.write, data)
        else:
            self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        if head.startswith(b"HTTP/1.1 200"):
            self._outcome.acknowledged.append(self._index)
            self._outcome.latencies.append(time.perf_counter() - self._due)
        else:
            self._outcome.refused += 1
        self._answer = b""
        self.next()

    def connection_lost(self, _error: Exception | None) -> None:
        if self._index >= 0:
            self._outcome.refused += 1
        if not self.finished.done():
            self.finished.set_result(None)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
