"""What processes on one PostgreSQL tell each other at once: its LISTEN and NOTIFY.

It is heard or not: nothing is kept for who was away, so a listener also looks by the clock. Beside
SQLite there is one process, which has nobody to tell.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from registry.carriers import CONNECT_SECONDS
from registry.db import Database, is_outage

log = structlog.get_logger(__name__)

CHANGES = "appeal_changes"
"""Told by the triggers with every change of an appeal; its words are empty."""

MAX_WORDS = 7999
"""Bytes that PostgreSQL carries at most."""

RECONNECT_SECONDS = 1.0
CHECK_SECONDS = 20.0
"""How often a connection that is silent is asked whether it still is one."""

Listener = Callable[[str], None]
"""Gets the words, in the middle of others' work: it sets an event, and fails never."""


class Wire:
    """One connection to listen and tell by. `run` keeps it up."""

    def __init__(self, database: Database) -> None:
        self._url = (
            None if database.dialect == "sqlite" else database.url.replace("+asyncpg", "", 1)
        )
        self._listeners: dict[str, list[Listener]] = {}
        self._connection: Any = None
        self._sending = asyncio.Lock()
        self.connected = asyncio.Event()
        """Set while what others tell is heard."""

    def on(self, channel: str, listener: Listener) -> None:
        """Hear what others tell on a channel. Empty words also come after every reconnection:
        something may have been told meanwhile. Call it before `run`."""
        self._listeners.setdefault(channel, []).append(listener)

    async def tell(self, channel: str, words: str) -> None:
        """Tell the other processes, if the connection is up."""
        connection = self._connection
        if connection is None or len(words.encode()) > MAX_WORDS:
            return
        async with self._sending:
            try:
                await connection.execute(
                    "SELECT pg_notify($1, $2)", channel, words, timeout=CONNECT_SECONDS
                )
            except Exception as error:
                if not is_outage(error):
                    raise

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until `stopping`, connecting again whenever the connection is lost."""
        while self._url is not None and not stopping.is_set():
            try:
                await self._listen(stopping)
            except Exception as error:
                if not is_outage(error):
                    raise
                log.warning("other processes are not heard for a while", reason=str(error))
                await _wait(stopping, RECONNECT_SECONDS)
        await stopping.wait()

    async def _listen(self, stopping: asyncio.Event) -> None:
        import asyncpg

        lost = asyncio.Event()
        connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for channel in self._listeners:
                await connection.add_listener(channel, self._hear)
            self._connection = connection
            self.connected.set()
            for listeners in self._listeners.values():
                for listener in listeners:
                    listener("")
            while not (lost.is_set() or stopping.is_set()):
                await _first(lost, stopping, timeout=CHECK_SECONDS)
                async with self._sending:
                    await connection.execute("SELECT 1", timeout=CONNECT_SECONDS)
        finally:
            self._connection = None
            self.connected.clear()
            with suppress(Exception):
                await connection.close(timeout=CONNECT_SECONDS)

    def _hear(self, connection: Any, pid: int, channel: str, words: str) -> None:
        if pid == connection.get_server_pid():
            return
        for listener in self._listeners.get(channel, ()):
            listener(words)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)


async def _first(*events: asyncio.Event, timeout: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
