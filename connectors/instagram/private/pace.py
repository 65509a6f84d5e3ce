"""How fast an account may be: a person's pace, a cap on the calls of a day, slower at night."""

import random
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from connectors.base import AccountStore

ALMATY = ZoneInfo("Asia/Almaty")
SPREAD = 0.3
"""The part by which a pause is longer or shorter than it was set to be."""
NIGHT_FROM, NIGHT_UNTIL, NIGHTLY = time(23), time(7), 3.0
"""In Almaty; pauses are so many times as long."""


class Pace:
    """The calls of one account."""

    def __init__(
        self, store: AccountStore, *, poll_seconds: float, cap: int, chance: random.Random
    ) -> None:
        self.cap = cap
        self._store = store
        self._seconds = poll_seconds
        self._chance = chance

    async def add(self, calls: int, now: datetime) -> int:
        """Count calls; gives those of the day. Raises: registry.errors.Unavailable."""
        return await self._store.add(f"calls {now.astimezone(ALMATY):%Y-%m-%d}", calls)

    async def used_up(self, now: datetime) -> bool:
        return await self.add(0, now) >= self.cap

    def pause(self, now: datetime) -> float:
        """Seconds until the next look."""
        here = now.astimezone(ALMATY).time()
        night = here >= NIGHT_FROM or here < NIGHT_UNTIL
        return self._about(self._seconds * (NIGHTLY if night else 1.0))

    def rest_of_day(self, now: datetime) -> float:
        """Seconds until a new day begins, and some minutes that are never the same."""
        here = now.astimezone(ALMATY)
        midnight = datetime.combine(here.date() + timedelta(days=1), time(), ALMATY)
        return (midnight - here).total_seconds() + self._about(600.0)

    def breath(self, seconds: float) -> float:
        """Seconds between two calls of one look."""
        return self._about(seconds)

    def _about(self, seconds: float) -> float:
        return seconds * self._chance.uniform(1 - SPREAD, 1 + SPREAD)
