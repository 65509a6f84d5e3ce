"""Whether the process lives, and whether it can serve: two questions, answered truthfully."""

import asyncio

from aiohttp import web

from hub.keys import BUS, DATABASE, SETTINGS
from registry.errors import Unavailable
from registry.migrate import is_current

TIMEOUT = 3.0
"""Seconds in which the database must answer to count as there."""


async def healthz(_request: web.Request) -> web.Response:
    """The process lives: it answers."""
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """200 when a delivery could be stored and read now, else 503 with what is wrong."""
    checks = {"database": await _database(request), "bus": _bus(request)}
    ready = all(found == "ok" for found in checks.values())
    return web.json_response(
        {"status": "ready" if ready else "not ready", "checks": checks},
        status=200 if ready else 503,
    )


async def _database(request: web.Request) -> str:
    database = request.app[DATABASE]
    try:
        async with asyncio.timeout(TIMEOUT):
            await database.ping()
            current = await is_current(database)
    except (Unavailable, TimeoutError):
        return "unreachable"
    return "ok" if current else "its schema is not current: run `hub migrate`"


def _bus(request: web.Request) -> str:
    full = request.app[BUS].waiting() >= request.app[SETTINGS].bus.queue
    return "full" if full else "ok"
