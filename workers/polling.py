"""The polling loop: fetches the deliveries of polled accounts, each under a lease.

A page is put on the bus before its cursor is saved: a crash in between fetches it again, and what
is known already changes nothing.
"""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import timedelta

import structlog

from connectors.base import Connector, Misconfigured, Polls, SendError, Throttled
from registry.accounts import is_stopped, note_read, note_unread
from registry.cursors import read_cursor, save_cursor
from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold, release
from registry.types import AccountKey, Clock, Envelope, utc_now
from workers.bus import Bus, Full

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=20)
"""How soon another process follows one that died; renewed while a poll waits for news."""
RENEW = 5.0
"""Seconds between renewals: few enough that a slow database does not cost the lease."""
POLL_TIMEOUT = 90.0
"""Seconds for one call of `poll`."""
OTHERS = 5.0
"""Seconds between looks whether another process has let go of the lease."""
STOPPED = 5.0
"""Seconds between looks whether an account that a person paused was resumed."""
FIRST_RETRY, LONGEST_RETRY = 1.0, 60.0
"""Seconds."""


async def run_polling(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    bus: Bus,
    owner: str,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
) -> None:
    """Poll every account that is set to polling, until `stopping`."""
    async with asyncio.TaskGroup() as group:
        pollers = [
            group.create_task(
                _Poller(
                    account, connector, database=database, bus=bus, owner=owner, clock=clock
                ).run(),
                name=f"poll {account}",
            )
            for account, connector in connectors.items()
            if isinstance(connector, Polls) and connector.polls
        ]
        await stopping.wait()
        # A poll waits for news most of its time, and what it would bring is not lost by leaving.
        for poller in pollers:
            poller.cancel()


class _Poller:
    def __init__(
        self,
        account: AccountKey,
        connector: Polls,
        *,
        database: Database,
        bus: Bus,
        owner: str,
        clock: Clock,
    ) -> None:
        self._account = account
        self._connector = connector
        self._database = database
        self._bus = bus
        self._owner = owner
        self._clock = clock
        self._lease = f"poll:{account}"
        self._failures = 0
        self._well = False
        """Whether the last poll succeeded, and that was noted."""

    async def run(self) -> None:
        """Poll whenever the lease is ours; the lease is given back at the end."""
        try:
            while True:
                wait = await self._step()
                if wait:
                    await asyncio.sleep(wait)
        finally:
            await asyncio.shield(self._release())

    async def _step(self) -> float:
        """One poll; returns the seconds to wait before the next."""
        try:
            if not await self._hold():
                self._well = False  # whoever polls now may note that it fails
                return OTHERS
            if await self._stopped():
                self._well = False
                return STOPPED
            await self._poll_while_held()
        except (Unavailable, Full) as error:
            log.warning("polling waits", account=str(self._account), reason=str(error))
            return self._failed()
        except Misconfigured as error:
            log.error("polling is refused", account=str(self._account), reason=error.reason)
            await self._note(error.reason, error.cure)
            return LONGEST_RETRY
        except (SendError, TimeoutError) as error:
            reason = error.reason if isinstance(error, SendError) else "It does not answer in time."
            log.warning("a poll failed", account=str(self._account), reason=reason)
            await self._note(reason, None)
            return self._failed()
        except Exception as error:  # one account's fault stops no other
            log.exception("a connector failed while polling", account=str(self._account))
            await self._note(f"The connector failed: {type(error).__name__}.", None)
            return self._failed()
        self._failures = 0
        return 0.0

    async def _stopped(self) -> bool:
        async with self._database.read() as session:
            return await is_stopped(session, self._account)

    async def _hold(self) -> bool:
        return await self._database.run(
            hold(self._lease, owner=self._owner, now=self._clock(), duration=LEASE)
        )

    async def _poll_while_held(self) -> None:
        """Poll, and renew the lease meanwhile; without it the poll is left to whoever has it now.

        What an abandoned poll would have brought is fetched again: its cursor was not saved.
        """
        poll = asyncio.create_task(self._poll(), name=f"{self._lease} under way")
        held_at = self._clock()
        try:
            while not (await asyncio.wait({poll}, timeout=RENEW))[0]:
                now = self._clock()
                try:
                    held = await self._hold()
                except Unavailable:
                    if now - held_at >= LEASE:
                        raise
                    continue  # it is ours until it runs out, and no pause is cut short
                if not held:
                    log.warning("the lease was lost", lease=self._lease)
                    return
                held_at = now
            await poll
        finally:
            poll.cancel()
            await asyncio.wait({poll})

    async def _poll(self) -> None:
        """Poll, and keep the pause that is asked for while the lease is ours: nobody else polls."""
        cursor = await self._database.run(read_cursor(self._account))
        try:
            async with asyncio.timeout(POLL_TIMEOUT):
                page = await self._connector.poll(cursor)
        except Throttled as error:
            log.info("polling pauses", account=str(self._account), reason=error.reason)
            await asyncio.sleep(error.retry_after)
            return
        await asyncio.gather(*(self._bus.put(self._envelope(body)) for body in page.bodies))
        if not self._well:
            async with self._database.write() as session:
                await note_read(session, self._account)
            self._well = True
        if page.cursor is not None and page.cursor != cursor:
            await self._database.run(save_cursor(self._account, page.cursor, now=self._clock()))
        if page.pause and not page.more:
            await asyncio.sleep(page.pause)

    def _envelope(self, body: bytes) -> Envelope:
        return Envelope(
            id=secrets.token_hex(8),
            channel=self._account.channel,
            account=self._account.account,
            headers={},
            body=body,
            received_at=self._clock(),
        )

    def _failed(self) -> float:
        self._failures += 1
        return min(FIRST_RETRY * 2.0 ** min(self._failures - 1, 30), LONGEST_RETRY)

    async def _note(self, reason: str, cure: str | None) -> None:
        """Show that nothing is read; the next poll that succeeds ends it."""
        self._well = False
        try:
            async with self._database.write() as session:
                await note_unread(
                    session, self._account, reason=reason, cure=cure, now=self._clock()
                )
        except Unavailable as error:
            log.warning("an account's health could not be noted", reason=str(error))

    async def _release(self) -> None:
        try:
            await self._database.run(release(self._lease, owner=self._owner))
        except Unavailable:
            log.warning("a lease runs out by itself", lease=self._lease)
