"""Live screens: operators who hear of every message, against a bare broadcast of as many bytes.

    python -m bench.live [--operators 500] [--messages 300] [--database sqlite|postgresql|both]

Citizens write 20 messages a second to the real hub. Every operator shows the unassigned appeals, so
that each message is a row for all of them. The bare broadcast is an aiohttp handler that gives each
body, as one frame made once, to all connections. What the messages cost without anybody who listens
is measured first and taken off. Every operator must have heard of every message, or the run counts
for nothing.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from aiohttp import ClientSession, TCPConnector
from pydantic import SecretStr

from bench.databases import temporary_database
from bench.options import databases, parser, write
from bench.screens import Screen, connect
from bench.servers import Running, broadcast_server, hub_server
from config.settings import Live
from connectors.blackhole.connector import HEADER
from registry.db import Database
from registry.ids import new_id
from registry.models import Operator, TeamMember
from registry.operators import Principal, Role
from registry.sessions import Stage, open_session
from registry.teams import add_team

T = TypeVar("T")

RATE = 20.0
"""Messages a second."""
TEAMS = 10
SECRET = "bench-webhook-secret"
KEY = "0123456789abcdef0123456789abcdef"
VIEW = "queue=unassigned&sort=due"
PATIENCE = 30.0
"""Seconds after which what was written has not been heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a round of messages came to."""

    p50_ms: float
    p99_ms: float
    """From the moment at which a citizen's request went out until a screen had its frame."""
    cpu_ms: float
    """Of the server, an event."""
    bytes_an_event: float
    """That one screen got."""
    frames_an_event: float


@dataclass(frozen=True, slots=True)
class Result:
    """One database's figures."""

    database: str
    operators: int
    bare: Heard
    live: Heard
    alone_cpu_ms: float
    """What a message costs while nobody listens."""
    window_ms: int
    ratio: float
    """Processor time of the bare broadcast to that of the live screens."""


def main() -> None:
    """Run, print a table, and write bench/results/live.json."""
    asked = parser(__doc__)
    asked.add_argument("--operators", type=int, default=500)
    asked.add_argument("--messages", type=int, default=300)
    options = asked.parse_args()
    results = [_measure(kind, options.operators, options.messages) for kind in databases(options)]
    for result in results:
        live, bare = result.live, result.bare
        print(
            f"{result.database:11} ratio {result.ratio:.2f}  {result.operators} operators  "
            f"p50 {live.p50_ms:.0f} ms, p99 {live.p99_ms:.0f} ms with a window of "
            f"{result.window_ms} ms (bare: {bare.p50_ms:.1f}, {bare.p99_ms:.1f})  "
            f"CPU {live.cpu_ms:.1f} ms an event beside {result.alone_cpu_ms:.1f} to register it "
            f"(bare: {bare.cpu_ms:.1f})  {live.bytes_an_event:,.0f} bytes and "
            f"{live.frames_an_event:.2f} frames an event and screen"
        )
    write("live", results)


def _measure(kind: str, operators: int, messages: int) -> Result:
    with tempfile.TemporaryDirectory() as folder, temporary_database(kind, Path(folder)) as url:
        keys = _run(lambda: _hire(url, operators))
        with hub_server(_SETTINGS.format(url=url, secret=SECRET, key=KEY), Path(folder)) as hub:
            hub.settle()
            alone = _run(lambda: _round(hub, [], 0, messages))
            live = _run(lambda: _live(hub, keys, messages))
    with broadcast_server(int(live.bytes_an_event)) as bare_server:
        bare = _run(lambda: _bare(bare_server, operators, messages))
    spent = live.cpu_ms - alone.cpu_ms
    return Result(
        database=kind,
        operators=operators,
        bare=bare,
        live=Heard(live.p50_ms, live.p99_ms, spent, live.bytes_an_event, live.frames_an_event),
        alone_cpu_ms=alone.cpu_ms,
        window_ms=Live().window_ms,
        ratio=bare.cpu_ms / spent,
    )


async def _live(hub: Running, keys: Sequence[str], messages: int) -> Heard:
    says = json.dumps({"view": VIEW, "language": "ru", "cursor": ""}).encode()
    screens = await _gather(
        keys,
        lambda key: connect(
            hub.port, "/live", {"Cookie": f"session={key}", "Sec-Fetch-Site": "same-origin"}, says
        ),
    )
    await asyncio.to_thread(hub.settle)  # presence, counts and names of the beginning
    return await _round(hub, screens, messages, messages)


async def _bare(server: Running, operators: int, messages: int) -> Heard:
    screens = await _gather(range(operators), lambda _: connect(server.port, "/live", {}))
    return await _round(server, screens, 0, messages)


async def _gather(what: Sequence[T], made: Callable[[T], Awaitable[Screen]]) -> list[Screen]:
    """Screens, a few at a time."""
    screens: list[Screen] = []
    for start in range(0, len(what), 25):
        screens += await asyncio.gather(*(made(each) for each in what[start : start + 25]))
    return screens


async def _round(server: Running, screens: Sequence[Screen], first: int, messages: int) -> Heard:
    """Write the messages, and wait until everybody has heard of all."""
    frames, received = _total(screens)
    used = server.cpu_seconds()
    sent: dict[int, float] = {}
    async with ClientSession(connector=TCPConnector(limit=64)) as session:
        began = time.perf_counter()
        tasks = []
        for at in range(messages):
            await asyncio.sleep(max(0.0, began + at / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(_write(session, server, first + at, sent)))
        await asyncio.gather(*tasks)
    patience = time.perf_counter() + PATIENCE
    while any(len(sent.keys() - screen.heard.keys()) for screen in screens):
        if time.perf_counter() > patience or any(screen.lost for screen in screens):
            missing = sum(len(sent.keys() - screen.heard.keys()) for screen in screens)
            lost = next((screen.lost for screen in screens if screen.lost), "none closed")
            sys.exit(f"{missing} of {messages * len(screens)} were not heard; {lost}.")
        await asyncio.sleep(0.1)
    cpu = server.cpu_seconds() - used
    waits = sorted(s.heard[n] - at for s in screens for n, at in sent.items()) or [0.0]
    frames_after, received_after = _total(screens)
    there = max(1, len(screens))
    return Heard(
        p50_ms=statistics.median(waits) * 1000,
        p99_ms=waits[min(int(len(waits) * 0.99), len(waits) - 1)] * 1000,
        cpu_ms=cpu / messages * 1000,
        bytes_an_event=(received_after - received) / messages / there,
        frames_an_event=(frames_after - frames) / messages / there,
    )


def _total(screens: Sequence[Screen]) -> tuple[int, int]:
    return sum(screen.frames for screen in screens), sum(screen.bytes for screen in screens)


async def _write(
    session: ClientSession, server: Running, number: int, sent: dict[int, float]
) -> None:
    body = {"id": f"m{number}", "sender": f"c{number}", "name": "Айгүл",
            "text": f"bench-{number:06} Абай даңғылы 10, шам жанбайды"}  # fmt: skip
    sent[number] = time.perf_counter()
    url = f"http://127.0.0.1:{server.port}/hooks/blackhole/main"
    async with session.post(url, json=body, headers={HEADER: SECRET}) as answer:
        if answer.status != 200:
            sys.exit(f"The hub answered {answer.status}: {await answer.text()}")


async def _hire(url: str, operators: int) -> list[str]:
    """Operators of several teams who have signed in; the keys of their sessions."""
    database = Database(url)
    await database.open()
    now = datetime.now(UTC)
    system = Principal(role=Role.ADMIN, name="bench", operator_id=None, actor="system")
    keys = []
    async with database.write() as session:
        for team in range(TEAMS):
            await add_team(session, f"team{team}", f"Team {team}", by=system, now=now)
        for at in range(operators):
            operator = Operator(
                id=new_id(), email=f"o{at}@example.kz", name=f"Operator {at}",
                role=Role.OPERATOR.value, created_at=now,
            )  # fmt: skip
            session.add(operator)
            await session.flush()
            session.add(TeamMember(team=f"team{at % TEAMS}", operator_id=operator.id))
            keys.append(
                await open_session(session, operator, Stage.IN, secret=SecretStr(KEY), now=now)
            )
    await database.close()
    return keys


def _run(made: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(made())


_SETTINGS = """
secret_key = "{key}"
[http]
port = 0
[database]
url = "{url}"
[log]
format = "json"
level = "warning"
[channels.blackhole.main]
webhook_secret = "{secret}"
"""


if __name__ == "__main__":
    main()
