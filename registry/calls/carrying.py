"""Carrying orders to the provider: which are to be carried now, and what became of them.

The caller commits before the provider is asked, and settles after; whoever dies in between has the
order carried again. Failing for good is told to the call, as any other thing that happens to it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.hearing import HowEnded
from registry.calls.leaving import (
    dismiss,
    end_call,
    is_in_room,
    leave_room,
    live_legs,
    step_out,
    wait_again,
)
from registry.calls.legs import give_up
from registry.calls.ordering import (
    LEASE_SECONDS,
    due_orders,
    hang_up_leg,
    is_moot,
    leg_of,
    next_try,
    read_order,
    was_made,
)
from registry.calls.orders import Dial, Hold, Move, Order, Release, Ring
from registry.calls.steps import ROOM
from registry.calls.tables import Call, CallOrder

BATCH = 64


class Claimed(Struct, frozen=True, kw_only=True):
    """An order that is ours to carry for `LEASE_SECONDS`."""

    id: int
    account: str
    order: Order
    tries: int
    """With this one."""
    made_at: datetime


async def claim_orders(
    session: AsyncSession, *, now: datetime, limit: int = BATCH
) -> Sequence[Claimed]:
    """The oldest order of each call, unless somebody carries it; what is needless is done with.

    The caller holds the lock, where `has_due_orders` has said that there are some.
    """
    claimed = []
    for row in await due_orders(session, now=now, limit=limit):
        what = read_order(row)
        if await is_moot(session, row.call_id, what):
            row.done_at = now
            continue
        row.claimed_until, row.tries = now + timedelta(seconds=LEASE_SECONDS), row.tries + 1
        row.failure = None
        if isinstance(what, Ring | Dial):
            what = replace(what, first=row.tries == 1)
        claimed.append(
            Claimed(
                id=row.id, account=row.account, order=what, tries=row.tries, made_at=row.made_at
            )
        )
    return claimed


async def settle_order(
    session: AsyncSession, order_id: int, *, made: str | None = None, now: datetime
) -> None:
    """It was carried; `made` is the provider's id of a call that was begun."""
    row = await session.get(CallOrder, order_id)
    if row is None:
        return
    if made is not None:
        await was_made(session, row, made, now)
    row.done_at = row.done_at or now


async def postpone_order(
    session: AsyncSession,
    order_id: int,
    reason: str,
    *,
    after: float | None = None,
    now: datetime,
) -> None:
    """It was not carried, and may be later: after so many seconds, if the provider says so.

    Too often is for good.
    """
    row = await session.get(CallOrder, order_id)
    if row is None or row.done_at is not None:
        return
    again = next_try(row.tries, now)
    if again is None:
        await fail_order(session, order_id, reason, now=now)
        return
    row.failure = reason
    row.claimed_until = again if after is None else max(again, now + timedelta(seconds=after))


async def fail_order(session: AsyncSession, order_id: int, reason: str, *, now: datetime) -> None:
    """It will never be carried: whoever counted on it hears of that."""
    row = await session.get(CallOrder, order_id)
    if row is None or row.done_at is not None:
        return
    row.done_at, row.failure = now, reason
    call = await session.get(Call, row.call_id)
    if call is None or call.ended_at is not None:
        return
    match read_order(row):
        case Ring(leg=name):
            leg = await leg_of(session, name)
            if leg is not None and leg.state == "ringing":
                await give_up(session, leg, "failed", now=now)
        case Dial():
            await end_call(session, call, HowEnded.FAILED, now=now)
        case Move(step=step):
            call.swept_at = None  # the provider is asked at once whether they are there at all
            if step == ROOM:
                await _not_moved(session, call, now=now)
        case Hold(on=on):
            for leg in await live_legs(session, call.id):
                leg.held = leg.held and not on
        case Release():
            # The room will end with whoever leaves it: the citizen waits for somebody else.
            leave_room(call, now=now)
            await dismiss(session, call, await live_legs(session, call.id), now=now)
        case _:
            pass


async def _not_moved(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """The citizen did not come to the operator: they wait for the next."""
    if call.state != "talking" or is_in_room(call):
        return
    for leg in await live_legs(session, call.id):
        await step_out(session, call, leg, spoke=False, now=now)
        await hang_up_leg(session, call, leg, now=now)
    wait_again(call, now=now)
