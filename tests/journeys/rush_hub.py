"""The hub of a rush: all of it, on loopback, in the rush's time, and how long each decision takes.

It works in the process of whoever opens it (`served`), or in one of its own (`served_apart`), where
nobody else's work is in its way. Run as `python -m tests.journeys.rush_hub FD TIME`, it is the
latter: FD is a socket to listen on, TIME the file of the clock; its settings come by its input, and
when that ends it tells its decisions.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler

from config.settings import Settings
from connectors.base import Registers
from hub import logs
from hub.app import ALL_ROLES, Hub, _loops, application, open_hub, settle_memory
from registry.types import Clock
from tests.journeys.process import PATIENCE
from tests.journeys.shared_time import ReadTime
from workers.supervisor import keep_running

_READY = b"ready\n"


@dataclass(frozen=True, slots=True)
class Decision:
    """How long the hub took for one delivery, from its arrival to its answer; in seconds."""

    wall: float
    cpu: float
    """Of the whole process: at most this was the decision's."""


@dataclass(slots=True)
class Timing:
    """Looks at the clock around each delivery."""

    decisions: list[Decision] = field(default_factory=list)

    @web.middleware
    async def timed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A middleware: the outermost, but for those of the application itself."""
        if not request.path.startswith("/hooks/"):
            return await handler(request)
        began, worked = time.perf_counter(), time.process_time()
        response = await handler(request)
        took = Decision(time.perf_counter() - began, time.process_time() - worked)
        self.decisions.append(took)
        return response


@asynccontextmanager
async def served(
    settings: Mapping[str, Any], *, clock: Clock, listening: socket.socket, timing: Timing
) -> AsyncIterator[Hub]:
    """A hub that works here, until the block ends."""
    async with open_hub(Settings.model_validate(settings), clock=clock) as hub, _working(hub):
        app = application(hub)
        app.middlewares.append(timing.timed)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            for connector in hub.connectors.values():
                assert isinstance(connector, Registers)
                await connector.register()
            yield hub
        finally:
            await runner.cleanup()


@asynccontextmanager
async def _working(hub: Hub) -> AsyncIterator[None]:
    """Run all loops; they end by themselves, as those of a hub that stops."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name, loop in _loops(hub, only=ALL_ROLES, stopping=stopping):
            group.create_task(keep_running(name, loop, stopping=stopping), name=name)
        try:
            yield
        finally:
            stopping.set()


@asynccontextmanager
async def served_apart(
    settings: Mapping[str, Any], *, clock: Path, listening: socket.socket, timing: Timing
) -> AsyncIterator[None]:
    """A hub that works in a process of its own, whose decisions are known when the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(listening.fileno()), str(clock),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        pass_fds=[listening.fileno()], limit=1 << 24,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(settings, default=str).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == _READY
        yield
        process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            told = json.loads(await process.stdout.readline())
            await process.wait()
        timing.decisions += [Decision(*one) for one in told]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(listening: socket.socket, clock: Path) -> None:
    settings, timing = json.loads(sys.stdin.readline()), Timing()
    async with served(settings, clock=ReadTime(clock), listening=listening, timing=timing):
        settle_memory()
        sys.stdout.buffer.write(_READY)
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps([astuple(one) for one in timing.decisions]))


def main() -> None:
    """Be a hub until the input ends."""
    logs.set_up(level="warning")
    listening = socket.socket(fileno=int(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(listening, Path(sys.argv[2])))


if __name__ == "__main__":
    main()
