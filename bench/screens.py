"""Operators' screens as cheap as may be: WebSockets that only note when which message came.

A protocol of its own rather than a client library: five hundred of them hear thousands of frames a
second on the cores that the hub works on.
"""

import asyncio
import base64
import os
import re
import time
from typing import cast

MARK = re.compile(rb"bench-(\d{6})")
"""What a citizen's message holds: which one it is."""


class Screen(asyncio.Protocol):
    """One connection. Frames that a server masks or splits are not understood."""

    def __init__(self, path: str, headers: dict[str, str], says: bytes) -> None:
        self._request = _upgrade(path, headers)
        self._says = says
        self._waiting = b""
        self._is_open = False
        self.heard: dict[int, float] = {}
        """By message, the moment at which it was heard first."""
        self.frames = 0
        self.bytes = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that it ended."""
        self.lost = self.lost or repr(exc)
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(self.lost))

    def data_received(self, data: bytes) -> None:
        """Take in whole frames."""
        data = self._waiting + data
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._waiting = head
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self.lost = head.decode(errors="replace")
                self.transport.close()
                return
            self._is_open = True
            if self._says:
                self.transport.write(_masked(0x1, self._says))
            else:
                self.ready.set_result(None)
        now, start = time.perf_counter(), 0
        while (found := _frame(data, start)) is not None:
            kind, begin, start = found
            self._hear(kind, data[begin:start], now)
        self._waiting = data[start:]

    def _hear(self, kind: int, payload: bytes, now: float) -> None:
        self.frames += 1
        self.bytes += len(payload)
        if kind == 0x9:
            self.transport.write(_masked(0xA, payload))
        elif kind == 0x8:
            self.lost = f"closed with {int.from_bytes(payload[:2], 'big')}"
        elif not self.ready.done() and b'"ready"' in payload:
            self.ready.set_result(None)
        for number in MARK.findall(payload):
            self.heard.setdefault(int(number), now)


async def connect(port: int, path: str, headers: dict[str, str], says: bytes = b"") -> Screen:
    """A screen that has said what it shows, and been told that this is followed."""
    loop = asyncio.get_running_loop()
    _, screen = await loop.create_connection(lambda: Screen(path, headers, says), "127.0.0.1", port)
    await screen.ready
    return screen


def _upgrade(path: str, headers: dict[str, str]) -> bytes:
    asked = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        **headers,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _masked(kind: int, payload: bytes) -> bytes:
    """A frame as a client sends it; the mask of zeros changes nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | kind]) + length + bytes(4) + payload


def _frame(data: bytes, start: int) -> tuple[int, int, int] | None:
    """The kind of the frame that begins there, and where its payload begins and ends."""
    if len(data) < start + 2:
        return None
    size, begin = data[start + 1] & 0x7F, start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) < begin + width:
            return None
        size, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
    if len(data) < begin + size:
        return None
    return data[start] & 0x0F, begin, begin + size
