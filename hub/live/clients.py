"""The browsers that are connected, and how they are written to.

A frame is made once for all who get the same, and goes straight to each transport. Whoever reads
too slowly is let go: a browser that comes back is told what it missed.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import structlog

from registry.operators import Principal

log = structlog.get_logger(__name__)

MAX_WAITING = 1024 * 1024
"""Bytes that may wait to be read by one browser."""

CLOSING_SECONDS = 5.0
"""How long a browser may take to say goodbye."""


class Goodbye(IntEnum):
    """Why the hub closes a connection."""

    STOPPING = 1001
    """The hub stops: come back soon."""
    TOO_SLOW = 4000
    """Too much waited to be read: come back with the cursor."""
    SIGNED_OUT = 4001
    """The session is over."""
    CHANGED = 4003
    """What they may see has changed: come back, and look at everything anew."""


class Transport(Protocol):
    """As much of a transport as is needed here."""

    def write(self, data: bytes, /) -> None: ...

    def is_closing(self) -> bool: ...

    def get_write_buffer_size(self) -> int: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class View:
    """A list that a browser shows: what its address asks for, in the language of the page."""

    asked: str
    language: str


@dataclass(eq=False, slots=True)
class Client:
    """One browser, whichever tabs it has."""

    transport: Transport
    close: Callable[[Goodbye], Coroutine[Any, Any, None]]
    """Says goodbye, and waits for the answer."""
    digest: str
    """Of its session."""
    principal: Principal
    language: str
    """Of notices."""
    views: set[View] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    """Numbers of the appeals that are open in its tabs."""
    events: list[bytes] = field(default_factory=list)
    """What it is to be told in this round."""
    counts: bytes = b""
    """The counts it was told last."""
    calls: bytes = b""
    """The pulse of the telephone that it was told last."""
    goodbye: asyncio.Task[None] | None = None
    """The closing of the connection, once it has begun."""

    def tell(self, event: bytes) -> None:
        """Put an event, as JSON, into the message of this round."""
        self.events.append(event)

    def leave(self, why: Goodbye) -> None:
        """Close the connection, in a while at the latest."""
        if self.goodbye is None:
            self.goodbye = asyncio.create_task(self._leave(why), name="live: goodbye")

    async def _leave(self, why: Goodbye) -> None:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSING_SECONDS):
                await self.close(why)
                return
        self.transport.abort()


class Writer:
    """Sends one round's messages: equal ones are put together once."""

    def __init__(self, last: bytes) -> None:
        """`last` is the event with which every message ends: up to where all is told."""
        self._last = last
        self._made: dict[tuple[bytes, ...], bytes] = {}

    def send(self, client: Client) -> None:
        """Send what the client is to be told in this round."""
        events, client.events = tuple(client.events), []
        if client.goodbye is not None or client.transport.is_closing():
            return
        if client.transport.get_write_buffer_size() > MAX_WAITING:
            log.info("a browser reads too slowly, and is let go", operator=client.principal.actor)
            client.leave(Goodbye.TOO_SLOW)
            return
        made = self._made.get(events)
        if made is None:
            message = b"[" + b",".join((*events, self._last)) + b"]"
            made = self._made[events] = text_frame(message)
        client.transport.write(made)


def text_frame(payload: bytes) -> bytes:
    """A message of a WebSocket as a server sends it. Source: RFC 6455, section 5.2."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload
