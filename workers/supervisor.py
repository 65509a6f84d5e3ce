"""The supervisor: keeps the loops running, and stops them in the order that loses nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

FIRST_RESTART, LONGEST_RESTART = 1.0, 60.0
"""Seconds before a loop that fell is started again."""


async def keep_running(
    name: str, loop: Callable[[], Awaitable[None]], *, stopping: asyncio.Event
) -> None:
    """Run a loop until it returns; one that falls is started again, ever more slowly."""
    wait = FIRST_RESTART
    while True:
        started = asyncio.get_running_loop().time()
        try:
            return await loop()
        except Exception:
            log.exception("a loop fell", loop=name, restart_in=wait)
        if asyncio.get_running_loop().time() - started > LONGEST_RESTART:
            wait = FIRST_RESTART
        try:
            async with asyncio.timeout(wait):
                await stopping.wait()
            return None
        except TimeoutError:
            wait = min(wait * 2, LONGEST_RESTART)
