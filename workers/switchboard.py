"""What the telephone asks of the clock: what rang long enough, and what nobody has told us.

Every second what ran out is ended (any process may do that). Under a lease one process asks the
provider of calls that never ended, as the word of it may be lost, and now and then looks through
its past calls for those that its fallback served: what they left becomes appeals by the same door.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec
import structlog

from connectors.base import PAST, Connector, KeepsTalks, Phones, SendError
from registry.calls.hearing import Past, Recorded
from registry.calls.sweeping import (
    Doubtful,
    apply_past,
    apply_side,
    apply_unknown,
    calls_to_ask_about,
    known_talks,
    without_known,
)
from registry.calls.switchboard import decision, hear, tick
from registry.current_office import CurrentOffice
from registry.cursors import read_cursor, save_cursor
from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold
from registry.types import AccountKey, Clock, Envelope, utc_now
from workers.bus import Bus, Full, Topic

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
"""Seconds between two looks at the clock."""
ASK_EVERY = timedelta(seconds=60)
LOOK_EVERY = timedelta(minutes=3)
OVERLAP = timedelta(hours=1)
"""How far behind the last look the next one begins: what is recorded comes after a call's begin."""
OTHERS = timedelta(seconds=15)
"""How often it is looked whether somebody else still does it."""
TIMEOUT = 30.0
"""Seconds for one question to the provider."""
AT_ONCE = 8
"""Questions to the provider at a time."""


async def run_switchboard(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    office: CurrentOffice,
    bus: Bus,
    owner: str,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Follow the clock until `stopping`."""
    memory = _Memory(connectors, database=database, office=office, bus=bus, clock=clock)

    async def end_what_ran_out() -> None:
        await tick(database, office=office.office, now=clock())

    async with asyncio.TaskGroup() as group:
        group.create_task(_again_and_again(end_what_ran_out, stopping))
        for name, every, do in (
            ("calls", ASK_EVERY, memory.ask),
            ("past calls", LOOK_EVERY, memory.look_back),
        ):
            look = _alone(name, every, do, database=database, owner=owner, clock=clock)
            group.create_task(_again_and_again(look, stopping))


async def _again_and_again(do: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await do()
        except (Unavailable, Full) as error:
            log.warning("the switchboard waits", reason=str(error))
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_SECONDS):
                await stopping.wait()


def _alone(
    name: str,
    every: timedelta,
    do: Callable[[], Awaitable[None]],
    *,
    database: Database,
    owner: str,
    clock: Clock,
) -> Callable[[], Awaitable[None]]:
    """The same, as often as `every` says, by one process of all; the first time at once."""
    due: datetime | None = None

    async def when_due() -> None:
        nonlocal due
        now = clock()
        if due is not None and now < due:
            return
        if await database.run(hold(f"phone:{name}", owner=owner, now=now, duration=every)):
            due = now + every
            await do()
        else:
            due = now + min(every, OTHERS)  # whoever has it may have died

    return when_due


class _Memory:
    """What the provider remembers, taken in."""

    def __init__(
        self,
        connectors: Mapping[AccountKey, Connector],
        *,
        database: Database,
        office: CurrentOffice,
        bus: Bus,
        clock: Clock,
    ) -> None:
        self._phones = {
            account: made for account, made in connectors.items() if isinstance(made, Phones)
        }
        self._database = database
        self._office = office
        self._bus = bus
        self._clock = clock
        self._gate = asyncio.Semaphore(AT_ONCE)

    # --- Calls that should have ended ------------------------------------------------------------

    async def ask(self) -> None:
        """Ask of each call that has gone on for a while whether it still does."""
        now = self._clock()
        async with decision(self._database, office=self._office.office, now=now) as session:
            doubtful = await calls_to_ask_about(session, now=now)
        await asyncio.gather(*(self._ask(account, one) for account, one in self._ours(doubtful)))

    def _ours(self, doubtful: Sequence[Doubtful]) -> list[tuple[AccountKey, Doubtful]]:
        named = {account.account: account for account in self._phones}
        return [(named[one.account], one) for one in doubtful if one.account in named]

    async def _ask(self, account: AccountKey, one: Doubtful) -> None:
        try:
            async with self._gate, asyncio.timeout(TIMEOUT):
                past = await self._phones[account].look_up(one.call)
        except (SendError, TimeoutError) as error:
            log.warning("not asked of a call", account=str(account), reason=_reason(error))
            return
        except Exception:  # one account's fault stops no other
            log.exception("a connector failed to look up a call", account=str(account))
            return
        if past is not None and one.leg is None:
            await self._take_in(account, past, incoming=one.incoming)
            return
        if past is not None and past.how is None:
            return
        now = self._clock()
        async with decision(self._database, office=self._office.office, now=now) as session:
            if past is None:
                await apply_unknown(session, one, now=now)
            elif past.how is not None:
                await apply_side(session, one, past.how, now=now)

    # --- Calls that we have not heard of ----------------------------------------------------------

    async def look_back(self) -> None:
        """Look through the calls since the last time, of every account."""
        for account in self._phones:
            await self._look_back(account)

    async def _look_back(self, account: AccountKey) -> None:
        now = self._clock()
        until = await self._database.run(read_cursor(account))
        if until is not None:
            since = datetime.fromisoformat(until) - OVERLAP
            try:
                async with asyncio.timeout(TIMEOUT):
                    found = await self._phones[account].past_calls(since)
                    await self._take_talks(account, since)
            except (SendError, TimeoutError) as error:
                log.warning("past calls unread", account=str(account), reason=_reason(error))
                return
            except Exception:  # one account's fault stops no other
                log.exception("a connector failed to tell past calls", account=str(account))
                return
            over = [past for past in found if past.how is not None]
            async with self._database.read() as session:
                news = await without_known(session, account.account, over)
            for past in news:
                await self._take_in(account, past, incoming=True)
            if news:
                log.warning("calls were taken by the fallback", account=str(account), n=len(news))
        # Whoever called before the hub was there for the first time was somebody else's caller.
        await self._database.run(save_cursor(account, now.isoformat(), now=now))

    async def _take_talks(self, account: AccountKey, since: datetime) -> None:
        """What was recorded of conversations, where the word of it was lost."""
        phone = self._phones[account]
        if not isinstance(phone, KeepsTalks):
            return
        async with self._database.read() as session:
            known = await known_talks(session, account.account, since)
        now = self._clock()
        for talk in await phone.past_talks(since, known=known):
            heard = Recorded(
                account=account.account, call="", at=now, room=talk.room,
                recording=talk.recording, seconds=talk.seconds,
            )  # fmt: skip
            await hear(self._database, heard, office=self._office.office, now=now)
            self._bus.wake(Topic.MEDIA)

    async def _take_in(self, account: AccountKey, past: Past, *, incoming: bool) -> None:
        """First the messages: what comes of the call goes to their appeal."""
        if incoming and past.how is not None:
            await self._bus.put(
                Envelope(
                    id=secrets.token_hex(8),
                    channel=account.channel,
                    account=account.account,
                    action=PAST,
                    headers={},
                    body=msgspec.json.encode(past),
                    received_at=self._clock(),
                )
            )
        now = self._clock()
        async with decision(self._database, office=self._office.office, now=now) as session:
            await apply_past(session, account.account, past, office=self._office.office, now=now)


def _reason(error: Exception) -> str:
    return error.reason if isinstance(error, SendError) else "It does not answer in time."
