"""Asks providers for the names of citizens whose deliveries name nobody.

Nothing waits for it: the message is stored and shown first. Whoever is not introduced now is asked
for again when they next write.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from connectors.base import (
    Blocked,
    Connector,
    Introduces,
    Misconfigured,
    Rejected,
    SendError,
)
from registry.db import Database
from registry.errors import Unavailable
from registry.introductions import is_unnamed, name_contact
from registry.types import AccountKey, Clock, ContactPoint, InboundMessage, utc_now

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=24)
"""How long somebody whom the provider did not name is not asked for again."""
REMEMBERED = 10_000
WAITING = 1_000
"""People who may wait to be asked for; more are asked for when they next write."""
AT_ONCE = 4
TIMEOUT = 20.0
"""Seconds."""
LONGEST_NAME = 100


class Introductions:
    """Who is to be asked for, and who was lately."""

    def __init__(
        self,
        connectors: Mapping[AccountKey, Connector],
        *,
        database: Database,
        clock: Clock = utc_now,
    ) -> None:
        self._connectors = {
            key: connector
            for key, connector in connectors.items()
            if isinstance(connector, Introduces)
        }
        self._database = database
        self._clock = clock
        self._asked: OrderedDict[ContactPoint, datetime] = OrderedDict()
        self._waiting: asyncio.Queue[tuple[AccountKey, ContactPoint]] = asyncio.Queue(WAITING)

    def meet(self, message: InboundMessage) -> None:
        """A message came: ask for its writer's name, if it tells none and nobody asked lately."""
        account = AccountKey(message.channel, message.account)
        if message.sender.name is not None or account not in self._connectors:
            return
        point, now = message.sender.point, self._clock()
        asked = self._asked.get(point)
        if (asked is not None and now - asked < AGAIN) or self._waiting.full():
            return
        self._asked[point] = now
        self._asked.move_to_end(point)
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        self._waiting.put_nowait((account, point))

    async def run(self, stopping: asyncio.Event) -> None:
        """Ask, a few at once, until `stopping`."""
        async with asyncio.TaskGroup() as group:
            askers = [group.create_task(self._ask_all()) for _ in range(AT_ONCE)]
            await stopping.wait()
            for asker in askers:
                asker.cancel()

    async def settled(self) -> None:
        """Return once everybody who waited was asked for."""
        await self._waiting.join()

    async def _ask_all(self) -> None:
        while True:
            account, point = await self._waiting.get()
            try:
                await self._ask(account, point)
            except (SendError, TimeoutError, Unavailable) as error:
                log.info("nobody was introduced", account=str(account), reason=str(error))
                if not isinstance(error, Rejected | Blocked | Misconfigured):
                    self._asked.pop(point, None)  # their next message may have better luck
            finally:
                self._waiting.task_done()

    async def _ask(self, account: AccountKey, point: ContactPoint) -> None:
        if not await self._database.run(is_unnamed(point)):
            return
        async with asyncio.timeout(TIMEOUT):
            told = await self._connectors[account].introduce(point)
        name = " ".join((told or "").replace("\x00", "").split())[:LONGEST_NAME]
        if name:
            await self._database.run(name_contact(point, name))
