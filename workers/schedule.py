"""The ticks: what is looked after by the clock, each under a lease so that one process does it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connectors.base import Connector, Diagnoses, Diagnosis, Health, Refreshes, SendError
from registry.accounts import account_states, set_health
from registry.calls.forgetting import forget_orders
from registry.changes import forget_changes
from registry.db import Database
from registry.errors import Unavailable
from registry.leases import hold
from registry.outbox import forget_early
from registry.traffic import KEPT, forget_traffic
from registry.types import AccountKey, Clock, utc_now
from workers.bus import Bus, Topic
from workers.outbox import tidy_outbox
from workers.watch import watched

log = structlog.get_logger(__name__)

EARLY_KEPT = timedelta(days=7)
"""A report that nothing was sent for in so long is about another program's message."""

ORDERS_KEPT = timedelta(days=30)
"""For how long it can be seen what the telephone's provider was told to do."""

CHECK_TIMEOUT = 30.0
"""Seconds for one account's check."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Something done every so many seconds by one process at a time."""

    name: str
    seconds: float
    do: Callable[[], Awaitable[None]]
    at_once: bool = True
    """Whether the first is due at the start, or after so many seconds."""


async def run_schedule(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    bus: Bus,
    owner: str,
    stopping: asyncio.Event,
    clock: Clock = utc_now,
    ticks: Sequence[Tick] = (),
) -> None:
    """Tick until `stopping`: `ticks`, and what is looked after here."""

    async def check() -> None:
        await refresh_accounts(connectors)
        await check_accounts(connectors, database=database, bus=bus, clock=clock)

    async def tidy() -> None:
        await tidy_outbox(connectors, database=database, clock=clock)

    async def forget() -> None:
        await database.run(forget_traffic(before=clock() - KEPT))
        await database.run(forget_early(before=clock() - EARLY_KEPT))
        await database.run(forget_orders(before=clock() - ORDERS_KEPT))

    async def shorten() -> None:
        while await database.run(forget_changes()):
            pass

    scheduler = AsyncIOScheduler(timezone="UTC")
    # Who starts the hub checks the accounts first, once they are registered.
    for tick in (
        Tick("accounts", 60, check, at_once=False),
        Tick("outbox", 5, tidy),
        Tick("forget", 3600, forget),
        Tick("changes", 600, shorten),
        *ticks,
    ):
        # The scheduler has a clock of its own, whatever `clock` tells the ticks.
        first = utc_now() + timedelta(seconds=0 if tick.at_once else tick.seconds)
        scheduler.add_job(
            _alone(tick, database=database, owner=owner, clock=clock),
            "interval",
            seconds=tick.seconds,
            next_run_time=first,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    scheduler.start()
    try:
        await stopping.wait()
    finally:
        scheduler.shutdown(wait=False)


def _alone(
    tick: Tick, *, database: Database, owner: str, clock: Clock
) -> Callable[[], Awaitable[None]]:
    """The tick, done only while this process holds its lease."""

    async def run() -> None:
        try:
            held = await database.run(
                hold(
                    f"tick:{tick.name}",
                    owner=owner,
                    now=clock(),
                    duration=timedelta(seconds=tick.seconds * 1.5),
                )
            )
            if held:
                await tick.do()
        except Unavailable as error:
            log.warning("a tick waits for the database", tick=tick.name, reason=str(error))
        except asyncio.CancelledError:
            # The scheduler stops; it would log its own cancelling as a fault.
            return

    return run


async def check_accounts(
    connectors: Mapping[AccountKey, Connector],
    *,
    database: Database,
    bus: Bus,
    clock: Clock = utc_now,
) -> None:
    """Ask every account how it is, note it, and let sends go on where one has recovered.

    An account that answers well and brings nothing, or only forgeries, is not well either.
    """
    async with database.read() as session:
        before = await account_states(session)
    found = await asyncio.gather(*(_diagnose(connector) for connector in connectors.values()))
    recovered = False
    for account, told in zip(connectors, found, strict=True):
        diagnosis = await watched(account, told, before.get(account), database, now=clock())
        async with database.write() as session:
            changed = await set_health(
                session,
                account,
                health=diagnosis.health,
                summary=diagnosis.summary,
                cure=diagnosis.cure,
                can_send=diagnosis.can_send,
                details=diagnosis.details,
                now=clock(),
            )
        was_held = account in before and not before[account].can_send
        recovered = recovered or (was_held and _can_send(diagnosis))
        if changed:
            log.warning(
                "an account changed",
                account=str(account),
                health=str(diagnosis.health),
                summary=diagnosis.summary,
                cure=diagnosis.cure,
            )
    if recovered:
        bus.wake(Topic.OUTBOX)


def _can_send(diagnosis: Diagnosis) -> bool:
    return diagnosis.health is not Health.DOWN if diagnosis.can_send is None else diagnosis.can_send


async def refresh_accounts(connectors: Mapping[AccountKey, Connector]) -> None:
    """Let every account renew what would end soon; what fails shows in its next check."""
    await asyncio.gather(*(_refresh(*account) for account in connectors.items()))


async def _refresh(account: AccountKey, connector: Connector) -> None:
    if not isinstance(connector, Refreshes):
        return
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await connector.refresh()
    except (SendError, Unavailable, TimeoutError) as error:
        log.warning("an account was not refreshed", account=str(account), reason=str(error))
    except Exception:  # one account's fault blinds no other
        log.exception("a connector failed while refreshing", account=str(account))


async def _diagnose(connector: Connector) -> Diagnosis:
    if not isinstance(connector, Diagnoses):
        # Nothing to ask: a send that failed turns it red, and the next one may try.
        return Diagnosis(health=Health.OK, summary="This channel has nothing to check.")
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            return await connector.check()
    except TimeoutError:
        return Diagnosis(
            health=Health.DEGRADED,
            summary="The provider did not answer the check in time.",
            cure="Look at the network and at the provider's status page.",
        )
    except Exception as error:  # one account's fault blinds no other
        log.exception("a connector failed while checking", channel=connector.name)
        return Diagnosis(
            health=Health.DEGRADED,
            summary=f"The check itself failed: {type(error).__name__}.",
            cure="Look in the hub's log, and report it.",
        )
