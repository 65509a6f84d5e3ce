"""Counts what accounts bring, in memory, and writes it down every few seconds.

Counting costs the hot path two additions. What a crash loses are seconds of a statistic.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from datetime import datetime

import structlog

from registry.db import Database
from registry.errors import Unavailable
from registry.traffic import Slot, add_traffic, slot_of
from registry.types import AccountKey, Clock, utc_now

log = structlog.get_logger(__name__)

EVERY = 15.0
"""Seconds between writes."""


class Traffic:
    """What came since the last write."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._counts: defaultdict[tuple[AccountKey, datetime], list[int]] = defaultdict(
            lambda: [0, 0]
        )

    def received(self, account: AccountKey, messages: int) -> None:
        """Messages of an account were registered."""
        self._counts[account, slot_of(self._clock())][0] += messages

    def forged(self, account: AccountKey) -> None:
        """A delivery to an account was refused for its signature."""
        self._counts[account, slot_of(self._clock())][1] += 1

    async def write(self, database: Database) -> None:
        """Write down what came; what cannot be written is kept. Raises: Unavailable."""
        taken, self._counts = self._counts, defaultdict(lambda: [0, 0])
        slots = [Slot(account, start, *counts) for (account, start), counts in taken.items()]
        if not slots:
            return
        try:
            await database.run(add_traffic(slots))
        except Unavailable:
            for slot in slots:
                counts = self._counts[slot.account, slot.start]
                counts[0] += slot.received
                counts[1] += slot.forged
            raise


async def run_traffic(traffic: Traffic, *, database: Database, stopping: asyncio.Event) -> None:
    """Write down every few seconds until `stopping`, and once more then."""
    last = False
    while not last:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), EVERY)
        last = stopping.is_set()
        try:
            await traffic.write(database)
        except Unavailable as error:
            log.warning("what came is counted later", reason=str(error))
