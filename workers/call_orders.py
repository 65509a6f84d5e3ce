"""Carries what was decided about calls to the provider: at once, as people are on the line.

It is woken by every commit of this process, on PostgreSQL by those of others too, and looks by the
clock. Several processes may do this: an order is claimed, and its claim runs out if they die.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from connectors.base import Connector, Misconfigured, Phones, Retryable, Throttled, Uncertain
from connectors.base import SendError as NotCarried
from registry.calls.carrying import (
    Claimed,
    claim_orders,
    fail_order,
    postpone_order,
    settle_order,
)
from registry.calls.locking import CALLS
from registry.calls.ordering import LEASE_SECONDS, has_due_orders
from registry.calls.switchboard import alone, decision
from registry.current_office import CurrentOffice
from registry.db import Database
from registry.errors import Unavailable
from registry.types import AccountKey, Clock, utc_now
from registry.wire import Wire
from workers.bus_local import LocalAlarm
from workers.meters import Meters, NoMeters

log = structlog.get_logger(__name__)

CHANNEL = "phone"
CONCURRENCY = 64
"""Orders that are carried at once, each of another call."""
TIMEOUT = LEASE_SECONDS - 1
"""Seconds for one order: nobody else has claimed it by then."""
IDLE = 0.5
"""Seconds between looks when nothing wakes us: what was postponed comes due by the clock."""
PAUSE = 0.01
"""Seconds between two looks at least, so that a flood of commits is looked at once."""


async def run_call_orders(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    office: CurrentOffice,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
    meters: Meters | None = None,
) -> None:
    """Carry orders until `stopping`; returns once those under way have ended."""
    carrier = _Carrier(
        connectors, database=database, office=office, clock=clock, meters=meters or NoMeters()
    )
    alarm, carried = LocalAlarm(), set[asyncio.Task[None]]()
    wire = Wire(database)
    wire.on(CALLS, lambda _: alarm.ring())

    def ended(task: "asyncio.Task[None]") -> None:
        carried.discard(task)
        alarm.ring()

    unlisten = database.on_commit(alarm.ring)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(wire.run(stopping))
            group.create_task(stopping.wait()).add_done_callback(lambda _: alarm.ring())
            while not stopping.is_set():
                for one in await carrier.claim(CONCURRENCY - len(carried)):
                    task = group.create_task(carrier.carry(one), name=f"order {one.id}")
                    carried.add(task)
                    task.add_done_callback(ended)
                await asyncio.sleep(PAUSE)
                await alarm.wait(within=IDLE)
    finally:
        unlisten()


class _Carrier:
    def __init__(
        self,
        connectors: Mapping[AccountKey, Connector],
        *,
        database: Database,
        office: CurrentOffice,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._connectors = connectors
        self._database = database
        self._office = office
        self._clock = clock
        self._meters = meters

    async def claim(self, limit: int) -> Sequence[Claimed]:
        """Orders that are due, ours from now on; none while the database is away."""
        if limit <= 0:
            return ()
        try:
            async with self._database.read() as session:
                if not await has_due_orders(session, now=self._clock()):
                    return ()
            async with alone(self._database, office=self._office.office) as session:
                return await claim_orders(session, now=self._clock(), limit=limit)
        except Unavailable as error:
            log.warning("orders wait for the database", reason=str(error))
            return ()

    async def carry(self, one: Claimed) -> None:
        """Have it done, and note what became of it."""
        try:
            await self._carry(one)
        except Unavailable as error:
            # The claim runs out, and it is carried again.
            log.warning("an order that was carried could not be noted", reason=str(error))

    async def _carry(self, one: Claimed) -> None:
        account = AccountKey(CHANNEL, one.account)
        phone = self._connectors.get(account)
        if not isinstance(phone, Phones):
            await self._fail(one, account, f"There is no account {account} here.")
            return
        try:
            async with asyncio.timeout(TIMEOUT):
                made = await phone.carry(one.order)
        except Throttled as error:
            await self._later(one, account, error.reason, after=error.retry_after)
        except (Retryable, Uncertain) as error:
            await self._later(one, account, error.reason)
        except Misconfigured as error:
            await self._fail(one, account, error.reason, cure=error.cure)
        except NotCarried as error:
            await self._fail(one, account, error.reason)
        except TimeoutError:
            await self._later(one, account, "The provider did not answer in time.")
        except Exception as error:  # one account's fault stops no other
            log.exception("a connector failed to carry an order", account=str(account))
            await self._fail(one, account, f"The connector failed: {type(error).__name__}.")
        else:
            await self._done(one, account, made)

    async def _done(self, one: Claimed, account: AccountKey, made: str | None) -> None:
        async with alone(self._database, office=self._office.office) as session:
            await settle_order(session, one.id, made=made, now=self._clock())
        self._count(one, account, "done")
        log.info("carried", account=str(account), **_named(one), tries=one.tries)

    async def _later(
        self, one: Claimed, account: AccountKey, reason: str, *, after: float | None = None
    ) -> None:
        now = self._clock()
        async with decision(self._database, office=self._office.office, now=now) as session:
            await postpone_order(session, one.id, reason, after=after, now=now)
        self._count(one, account, "later")
        log.warning("an order waits", account=str(account), **_named(one), reason=reason)

    async def _fail(
        self, one: Claimed, account: AccountKey, reason: str, *, cure: str | None = None
    ) -> None:
        now = self._clock()
        async with decision(self._database, office=self._office.office, now=now) as session:
            await fail_order(session, one.id, reason, now=now)
        self._count(one, account, "failed")
        log.error("an order failed", account=str(account), **_named(one), reason=reason, cure=cure)

    def _count(self, one: Claimed, account: AccountKey, outcome: str) -> None:
        since = (self._clock() - one.made_at).total_seconds()
        self._meters.carried(account, outcome=outcome, seconds=since)


def _named(one: Claimed) -> dict[str, str]:
    """The order in the log, without anybody's number."""
    order = one.order
    ids = {name: getattr(order, name, "") for name in ("call", "leg")}
    return {"order": type(order).__name__, **{name: id_ for name, id_ in ids.items() if id_}}
