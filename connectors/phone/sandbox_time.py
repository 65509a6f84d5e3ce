"""Time that goes on only when it is told to, and everything that waits in it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any


class SimulatedTime:
    """A clock for everybody in a simulation: call it for the present moment.

    What runs is begun by `begin`, and waits by a `Bell` alone (or for an answer from the network,
    which takes no simulated time). So it is known when everybody waits, and only then does the
    next moment come: the same simulation takes the same course at every run.
    """

    def __init__(self, start: datetime) -> None:
        self.after_each: Callable[[], Awaitable[None]] | None = None
        """Awaited at the end of each moment: what others do of their own accord."""
        self._now = start
        self._due: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()
        self._running = 0
        self._rest = asyncio.Event()
        self._rest.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failures: list[BaseException] = []

    def __call__(self) -> datetime:
        return self._now

    def begin(self, work: Coroutine[Any, Any, object]) -> None:
        """Have something done beside everything else."""
        self.start_running()
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def begin_later(self, seconds: float, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """The same, after a time."""

        async def wait() -> None:
            await Bell(self).wait(self._now + timedelta(seconds=seconds))
            await work()

        self.begin(wait())

    async def idle(self) -> None:
        """Wait until everybody waits. Raises: whatever went wrong in what was begun."""
        await self._rest.wait()
        if self._failures:
            raise self._failures.pop(0)

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, one moment after another at which something is due."""
        until = self._now + timedelta(seconds=seconds)
        await self.idle()
        while self._due and self._due[0][0] <= until:
            self._now = max(self._now, self._due[0][0])
            while self._due and self._due[0][0] <= self._now:
                waiting = heappop(self._due)[2]
                if not waiting.done():
                    self.start_running()
                    waiting.set_result(None)
            await self._end_moment()
        self._now = max(self._now, until)
        await self._end_moment()

    async def _end_moment(self) -> None:
        await self.idle()
        if self.after_each is not None:
            await self.after_each()
            await self.idle()

    async def stop(self) -> None:
        """Leave everything undone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._due.clear()

    # --- For bells -------------------------------------------------------------------------------

    def due(self, at: datetime, waiting: asyncio.Future[None]) -> None:
        """Wake somebody at a moment."""
        heappush(self._due, (at, next(self._order), waiting))

    def start_running(self) -> None:
        """Somebody has something to do."""
        self._running += 1
        self._rest.clear()

    def stop_running(self) -> None:
        """Somebody waits, or is done."""
        self._running -= 1
        if self._running == 0:
            self._rest.set()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._failures.append(failure)
        self.stop_running()


class Bell:
    """What one who waits is woken by, before their time perhaps."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake whoever waits; nobody may."""
        if self._waiting is not None and not self._waiting.done():
            self._time.start_running()
            self._waiting.set_result(None)

    async def wait(self, until: datetime | None = None) -> None:
        """Wait until the bell is rung or the moment has come; one at a time."""
        self._waiting = asyncio.get_running_loop().create_future()
        if until is not None:
            self._time.due(until, self._waiting)
        self._time.stop_running()
        try:
            await self._waiting
        except asyncio.CancelledError:
            self._time.start_running()
            raise
        finally:
            self._waiting = None
