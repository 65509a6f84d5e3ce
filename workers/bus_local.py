"""The bus of one process: group commit, so that an acknowledged delivery is a registered one."""

import asyncio
from collections import defaultdict

from registry.errors import Unavailable
from registry.types import Envelope
from workers.bus import Full, Process, Topic
from workers.gather import Closed, Gatherer

BATCH = 256
"""Deliveries that share one transaction at most."""


class LocalBus:
    """Registers each delivery before `put` returns. Must be made inside a running loop."""

    def __init__(self, process: Process, *, capacity: int) -> None:
        self._deliveries = Gatherer(process, batch=BATCH, name="intake")
        self._capacity = capacity
        self._alarms: defaultdict[Topic, list[LocalAlarm]] = defaultdict(list)

    async def put(self, envelope: Envelope) -> None:
        """See `workers.bus.Bus.put`."""
        if len(self._deliveries) >= self._capacity:
            raise Full
        try:
            await self._deliveries.add(envelope)
        except Closed:
            raise Unavailable("The hub is stopping; deliver again.") from None

    def wake(self, topic: Topic) -> None:
        """See `workers.bus.Bus.wake`."""
        for alarm in self._alarms[topic]:
            alarm.ring()

    def listen(self, topic: Topic) -> "LocalAlarm":
        """See `workers.bus.Bus.listen`."""
        alarm = LocalAlarm()
        self._alarms[topic].append(alarm)
        return alarm

    def waiting(self) -> int:
        """See `workers.bus.Bus.waiting`."""
        return len(self._deliveries)

    async def close(self) -> None:
        """See `workers.bus.Bus.close`."""
        await self._deliveries.close()


class LocalAlarm:
    """See `workers.bus.Alarm`."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """See `workers.bus.Alarm.ring`."""
        self._rung.set()

    async def wait(self, *, within: float) -> bool:
        """See `workers.bus.Alarm.wait`."""
        try:
            async with asyncio.timeout(within):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True
