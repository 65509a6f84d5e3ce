"""The switchboard: how long a decision takes, while 200 callers meet 20 operators in ten minutes.

    python -m bench.calls [--callers 200] [--database sqlite|postgresql|both]

The minutes are simulated (see tests/registry/calls/simulation.py): people talk, hang up, transfer,
do not answer, ask to be called back. What is timed is real: from a delivery of the provider until
its answer is known and committed, and from an operator's word until it holds. The bare transaction
reads one row and writes one, on the same database. A run in which a call was lost, offered to two
or overtaken counts for nothing.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import text

from bench.databases import temporary_database
from bench.options import databases, parser, write
from registry.calls.hearing import Anything
from registry.calls.locking import lock_switchboard
from registry.calls.script import Script
from registry.db import Database
from tests.registry.calls.exchange import Exchange
from tests.registry.calls.simulation import Simulation

BARE = 500
"""Transactions of the ceiling."""


@dataclass(frozen=True, slots=True)
class Result:
    """One database's figures; times in milliseconds."""

    database: str
    callers: int
    decisions: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    cpu_p50_ms: float
    cpu_p99_ms: float
    """Of our own process alone: what a machine that is busy with other things does not lengthen."""
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
        self.took: list[float] = []
        self.worked: list[float] = []

    async def _hear(self, heard: Anything) -> Script | None:
        began, worked = time.perf_counter(), time.process_time()
        script = await super()._hear(heard)
        self.took.append(time.perf_counter() - began)
        self.worked.append(time.process_time() - worked)
        return script


def main() -> None:
    """Run, print a table, and write bench/results/calls.json."""
    asked = parser(__doc__)
    asked.add_argument("--callers", type=int, default=200)
    options = asked.parse_args()
    results = [_measure(kind, options.callers) for kind in databases(options)]
    for result in results:
        print(
            f"{result.database:11} ratio {result.ratio:.2f}  {result.decisions:,} decisions  "
            f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms, longest "
            f"{result.longest_ms:.1f} ms (bare: {result.bare_p50_ms:.1f})  CPU p50 "
            f"{result.cpu_p50_ms:.1f} ms, p99 {result.cpu_p99_ms:.1f} ms  {result.callers} "
            f"callers: {_told(result.ended)}; {result.untaken} offers that nobody took"
        )
        for language, wait in result.waits.items():
            print(f"            {language}: {_told(wait)}")
    write("calls", results)


def _measure(kind: str, callers: int) -> Result:
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_database(kind, Path(folder)) as url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(kind, url, callers))


async def _run(kind: str, url: str, callers: int) -> Result:
    database = Database(url)
    await database.open()
    try:
        bare = await _bare(database)
        exchange = Timed(database)
        outcome = await Simulation(exchange, callers=callers).run()
    finally:
        await database.close()
    if outcome.overtaken:
        sys.exit(f"{len(outcome.overtaken)} callers were overtaken: {outcome.overtaken[0]}.")
    return Result(
        database=kind,
        callers=callers,
        decisions=len(exchange.took),
        p50_ms=_at(exchange.took, 0.5),
        p99_ms=_at(exchange.took, 0.99),
        longest_ms=_at(exchange.took, 1.0),
        cpu_p50_ms=_at(exchange.worked, 0.5),
        cpu_p99_ms=_at(exchange.worked, 0.99),
        bare_p50_ms=_at(bare, 0.5),
        ratio=_at(bare, 0.5) / _at(exchange.took, 0.5),
        ended=outcome.ended,
        untaken=outcome.untaken,
        waits=outcome.fairness(),
    )


async def _bare(database: Database) -> list[float]:
    """Transactions under the same lock, which look at a row and write it."""
    took = []
    for _ in range(BARE):
        began = time.perf_counter()
        async with database.write() as session:
            await lock_switchboard(session)
            connection = await session.connection()
            await connection.execute(_LOOK)
            await connection.execute(_WRITE)
        took.append(time.perf_counter() - began)
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


def _told(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(figures.items()))


if __name__ == "__main__":
    main()
