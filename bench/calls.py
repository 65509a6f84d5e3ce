"""The telephone: how long a decision takes, while 200 callers meet 20 operators in ten minutes.

    python -m bench.calls [--callers 200] [--part hub|registry|both] [--database …]

The minutes are simulated: people talk, hang up, do not answer, give calls on, leave a message, ask
to be called back and are. What is timed is real. "hub" is all of it on loopback (see
tests/journeys/rush.py): Twilio's stand-in posts signed webhooks, and a decision is timed from the
delivery's arrival to its answer, by the hub itself, in a process of its own.
"registry" is what decides, alone (see tests/registry/calls/simulation.py). The ceiling is a
transaction that reads one row and writes one, on the same database. A run in which a call was lost,
offered to two or overtaken, or of which the hub knows something else than the provider, counts for
nothing.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import text

from bench.databases import temporary_database
from bench.options import databases, parser, write
from hub import logs
from hub.app import settle_memory
from registry.calls.hearing import Anything
from registry.calls.locking import lock_switchboard
from registry.calls.script import Script
from registry.db import Database
from tests.journeys.rush import opened_centre
from tests.journeys.rush_books import balanced
from tests.journeys.rush_hub import Decision
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.simulation import Simulation

OPERATORS = 20
SECONDS = 600
"""In which the callers come."""
BARE = 500
"""Transactions of the ceiling."""
AIM_P99_MS = 50.0


@dataclass(frozen=True, slots=True)
class Result:
    """One part's figures on one database; times in milliseconds."""

    database: str
    part: str
    callers: int
    decisions: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    aim_p99_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    """Of the process that decides: what a machine that is busy with other things does not lengthen.
    In the hub it is at most this, as its other work meanwhile is in it."""
    bare_p50_ms: float
    ratio: float
    """A bare transaction to a decision, each at its median."""
    ended: dict[str, int]
    """How many calls came to what."""
    untaken: int
    """Offers that nobody took."""
    waits: dict[str, dict[str, float]]
    """Seconds that those waited who came in and were answered, by language."""


class Timed(Exchange):
    """An exchange that looks at the clock."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.decisions: list[Decision] = []

    async def _hear(self, heard: Anything) -> Script | None:
        began, worked = time.perf_counter(), time.process_time()
        script = await super()._hear(heard)
        took = Decision(time.perf_counter() - began, time.process_time() - worked)
        self.decisions.append(took)
        return script


def main() -> None:
    """Run, print a table, and write bench/results/calls.json."""
    asked = parser(__doc__)
    asked.add_argument("--callers", type=int, default=200)
    asked.add_argument("--part", choices=["hub", "registry", "both"], default="both")
    options = asked.parse_args()
    parts = ["hub", "registry"] if options.part == "both" else [options.part]
    logs.set_up(level="warning")
    results = []
    for kind in databases(options):
        for part in parts:
            results.append(_measure(kind, part, options.callers))
            _show(results[-1])
    write("calls", results)


def _show(result: Result) -> None:
    print(
        f"{result.database:11} {result.part:8} ratio {result.ratio:.2f}  "
        f"{result.decisions:,} decisions  p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms "
        f"(aim {result.aim_p99_ms:.0f}), longest {result.longest_ms:.1f} ms "
        f"(bare: {result.bare_p50_ms:.1f})  CPU p50 {result.cpu_p50_ms:.1f} ms, "
        f"p99 {result.cpu_p99_ms:.1f} ms\n"
        f"            {result.callers} callers: {_told(result.ended)}; "
        f"{result.untaken} offers that nobody took"
    )
    for language, wait in result.waits.items():
        print(f"            waits, {language}: {_told(wait)}")


def _measure(kind: str, part: str, callers: int) -> Result:
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_database(kind, Path(folder)) as url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        bare = runner.run(_bare(url))
        run = _in_hub if part == "hub" else _in_registry
        decisions, came_to = runner.run(run(url, Path(folder), callers))
    wall = [one.wall for one in decisions]
    cpu = [one.cpu for one in decisions]
    return Result(
        database=kind,
        part=part,
        callers=callers,
        decisions=len(decisions),
        p50_ms=_at(wall, 0.5),
        p99_ms=_at(wall, 0.99),
        longest_ms=_at(wall, 1.0),
        aim_p99_ms=AIM_P99_MS,
        cpu_p50_ms=_at(cpu, 0.5),
        cpu_p99_ms=_at(cpu, 0.99),
        bare_p50_ms=_at(bare, 0.5),
        ratio=_at(bare, 0.5) / _at(wall, 0.5),
        **came_to,
    )


async def _in_hub(
    url: str, folder: Path, callers: int
) -> tuple[Sequence[Decision], Mapping[str, Any]]:
    async with opened_centre(database_url=url, folder=folder, apart=True) as centre:
        settle_memory()
        await centre.rush(callers=callers, operators=OPERATORS, seconds=SECONDS)
        books = await balanced(centre)
    came_to = {"ended": books.ended, "untaken": books.untaken, "waits": books.waits}
    return centre.decisions, came_to


async def _in_registry(
    url: str, _: Path, callers: int
) -> tuple[Sequence[Decision], Mapping[str, Any]]:
    database = Database(url)
    await database.open()
    try:
        exchange = Timed(database)
        settle_memory()
        outcome = await Simulation(exchange, callers=callers).run()
    finally:
        await database.close()
    if outcome.overtaken:
        sys.exit(f"{len(outcome.overtaken)} callers were overtaken: {outcome.overtaken[0]}.")
    waits = outcome.fairness()
    came_to = {"ended": outcome.ended, "untaken": outcome.untaken, "waits": waits}
    return exchange.decisions, came_to


async def _bare(url: str) -> list[float]:
    """Transactions under the same lock, which look at a row and write it."""
    database = Database(url)
    await database.open()
    took = []
    try:
        for _ in range(BARE):
            began = time.perf_counter()
            async with database.write() as session:
                await lock_switchboard(session)
                connection = await session.connection()
                await connection.execute(_LOOK)
                await connection.execute(_WRITE)
            took.append(time.perf_counter() - began)
    finally:
        await database.close()
    return took


_LOOK = text("SELECT value FROM counters WHERE name = 'bench'")
_WRITE = text(
    "INSERT INTO counters (name, value) VALUES ('bench', 1) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + 1"
)


def _at(seconds: Sequence[float], part: float) -> float:
    """Milliseconds that so great a part of them took at most."""
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] * 1000


def _told(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(figures.items()))


if __name__ == "__main__":
    main()
