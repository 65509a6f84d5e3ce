"""The indexing loop: what somebody wrote a moment ago can be searched for.

One process does it, under a lease; the others stand by. It is woken by every commit of its own
process and looks by the clock for those of others, and gathers for a moment, so that a busy minute
writes each document a few times rather than at every message. Nobody waits for it.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog

from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold, release
from registry.search.following import LostLease, start, step
from registry.search.storing import LEASE, Holder, Progress
from registry.types import Clock, utc_now

log = structlog.get_logger(__name__)

GATHER = 0.25
"""Seconds from the first change to the documents."""
IDLE = 0.5
"""Seconds between looks when nothing wakes us."""
STAND_BY = 5.0
"""Seconds between looks at a lease that is another's, or at a database that is away."""
DURATION = timedelta(seconds=30)
RENEW = timedelta(seconds=10)


async def run_indexing(
    *, database: Database, owner: str, stopping: asyncio.Event, clock: Clock = utc_now
) -> None:
    """Write documents until `stopping`."""
    rung = asyncio.Event()
    be_silent = database.on_commit(rung.set)
    indexer = _Indexer(database, owner=owner, clock=clock)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(stopping.wait()).add_done_callback(lambda _: rung.set())
            while not stopping.is_set():
                rung.clear()
                pause = await indexer.work()
                if pause is None:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(rung.wait(), IDLE)
                    pause = GATHER
                if pause:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stopping.wait(), pause)
    finally:
        be_silent()
    await indexer.leave()


class _Indexer:
    """How far this process is, while the lease is its own."""

    def __init__(self, database: Database, *, owner: str, clock: Clock) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._progress: Progress | None = None
        self._renewed = clock()

    async def work(self) -> float | None:
        """Write what there is to write; how many seconds to leave it then, None until a change."""
        try:
            if not await self._hold():
                return STAND_BY
            progress = self._progress or await start(self._database, by=self._holder())
            done = await step(self._database, progress, by=self._holder())
        except LostLease:
            self._progress = None
            return STAND_BY
        except Unavailable as error:
            log.warning("the search waits for the database", reason=str(error))
            return STAND_BY
        if progress.below is not None and done.progress.below is None:
            log.info("every appeal can be searched for")
        self._progress = done.progress
        if done.more:
            return 0.0
        return GATHER if done.documents else None

    async def leave(self) -> None:
        """Let another process go on at once."""
        if self._progress is not None:
            with suppress(Unavailable):
                await self._database.run(release(LEASE, owner=self._owner))

    async def _hold(self) -> bool:
        if self._progress is not None and self._clock() - self._renewed < RENEW:
            return True
        by = self._holder()
        taken = hold(LEASE, owner=by.owner, now=by.now, duration=by.duration)
        held = await self._database.run(taken)
        if held:
            self._renewed = by.now
        else:
            self._progress = None
        return held

    def _holder(self) -> Holder:
        return Holder(owner=self._owner, now=self._clock(), duration=DURATION)
