"""What the provider is to do: written with the decision, carried out after, told if it failed.

An order is carried at least once. Those of a call are carried one after the other, in the order of
the decisions; those of different calls do not wait for each other.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import String, bindparam, func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.locking import tell_screens
from registry.calls.orders import Dial, HangUpCall, Hold, Move, Order, Release, Ring
from registry.calls.tables import Call, CallLeg, CallOrder
from registry.columns import Id, Json, UtcTime
from registry.ids import new_id, parse_id
from registry.inbox.rows import fetch

LEASE_SECONDS = 20.0
"""How long carrying an order may take: after that somebody else tries."""
MOST_TRIES = 5
PAUSE_SECONDS = 1.0
"""Before the second try; twice as long before each that follows."""


async def order(session: AsyncSession, call: Call, what: Order, *, now: datetime) -> None:
    """Have it done after the commit, and after what was ordered for the call before."""
    connection = await session.connection()
    await connection.execute(
        _ORDER,
        {
            "id": new_id(),
            "call_id": call.id,
            "account": call.account,
            "what": msgspec.to_builtins(what),
            "made_at": now,
        },
    )
    await tell_screens(session)  # whichever process carries orders hears of it by the same word


_ORDER = text(
    """
    INSERT INTO call_orders (id, call_id, account, what, made_at)
    SELECT CASE WHEN last >= :id THEN last + 1 ELSE :id END, :call_id, :account, :what, :made_at
    FROM (SELECT max(id) AS last FROM call_orders
          WHERE call_id = :call_id AND done_at IS NULL) AS before
    """
).bindparams(
    bindparam("id", type_=Id),
    bindparam("call_id", type_=Id),
    bindparam("account", type_=String()),
    bindparam("what", type_=Json),
    bindparam("made_at", type_=UtcTime()),
)
"""After those of its call that wait: ids of two processes need not be in the order of their
decisions."""


async def waiting_orders(session: AsyncSession, call_id: int) -> list[CallOrder]:
    """What is to be done for a call still, oldest first."""
    with session.no_autoflush:  # a call that is ending is written once
        found = (await session.exec(_WAITING, params={"call_id": call_id})).all()
    return [row for row in found if row.done_at is None]


_WAITING = (
    select(CallOrder)
    .where(CallOrder.call_id == bindparam("call_id"), col(CallOrder.done_at).is_(None))
    .order_by(col(CallOrder.id))
)


def read_order(row: CallOrder) -> Order:
    """What is ordered."""
    read: Order = msgspec.convert(row.order, Order)
    return read


async def cancel(session: AsyncSession, call_id: int, *kinds: type[Order], now: datetime) -> None:
    """Let orders of a call be that nobody has begun to carry."""
    for row in await waiting_orders(session, call_id):
        if isinstance(read_order(row), kinds) and not _is_claimed(row, now):
            row.done_at = now


async def hang_up_leg(session: AsyncSession, call: Call, leg: CallLeg, *, now: datetime) -> None:
    """Let a leg stop ringing, or end it: whatever the provider has made of it so far."""
    for row in await waiting_orders(session, call.id):
        what = read_order(row)
        if isinstance(what, Ring) and what.leg == str(leg.id) and not _is_claimed(row, now):
            row.done_at = now
    if leg.external_id is not None:
        await order(session, call, HangUpCall(call=leg.external_id), now=now)
    # Otherwise it is being made just now, and hung up once it is known: see `was_made`.


async def hang_up_citizen(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """End a citizen's side, or do not even dial it."""
    await cancel(session, call.id, Dial, now=now)
    if call.external_id is not None:
        await order(session, call, HangUpCall(call=call.external_id), now=now)


# --- Carrying -------------------------------------------------------------------------------------


async def due_orders(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[CallOrder]:
    """The oldest of each call that nobody carries and that need not wait."""
    return (await session.exec(_DUE, params={"now": now, "limit": limit})).all()


async def has_due_orders(session: AsyncSession, *, now: datetime) -> bool:
    """Whether there are any."""
    return bool(await fetch(session, _IS_DUE, {"now": now}))


_HEADS = (
    select(func.min(CallOrder.id))
    .where(col(CallOrder.done_at).is_(None))
    .group_by(col(CallOrder.call_id))
)
_NOW = bindparam("now", type_=UtcTime())
_READY = (
    col(CallOrder.id).in_(_HEADS),
    func.coalesce(col(CallOrder.claimed_until), _NOW) <= _NOW,
)
_DUE = select(CallOrder).where(*_READY).order_by(col(CallOrder.id)).limit(bindparam("limit"))
_IS_DUE = select(CallOrder.id).where(*_READY).limit(1)


async def is_moot(session: AsyncSession, call_id: int, what: Order) -> bool:
    """Whether it is needed no more, or was done by somebody who died before they could say so."""
    match what:
        case Ring():
            leg = await leg_of(session, what.leg)
            return leg is None or leg.state != "ringing" or leg.external_id is not None
        case Dial() | Move() | Hold() | Release():
            call = await session.get(Call, call_id)
            if call is None or call.ended_at is not None:
                return True
            return isinstance(what, Dial) and call.external_id is not None
        case _:
            return False


async def was_made(session: AsyncSession, row: CallOrder, external_id: str, now: datetime) -> None:
    """A call was begun: keep the provider's id of it, and end it where nobody wants it any more."""
    what = read_order(row)
    call = await session.get(Call, row.call_id)
    if call is None:
        return
    wanted: CallLeg | Call | None = None
    if isinstance(what, Ring):
        wanted = await leg_of(session, what.leg)
    elif isinstance(what, Dial):
        wanted = call
    if wanted is None:
        return
    if wanted.external_id is None:
        wanted.external_id = external_id
    if wanted.ended_at is not None or wanted.external_id != external_id:
        await order(session, call, HangUpCall(call=external_id), now=now)


async def leg_of(session: AsyncSession, name: str) -> CallLeg | None:
    """The leg that an order or a delivery names."""
    side = await side_of(session, name)
    return None if side is None else side[0]


async def side_of(session: AsyncSession, name: str) -> tuple[CallLeg, Call] | None:
    """The same with its call."""
    id_ = parse_id(name)
    if id_ is None:
        return None
    return (await session.exec(_SIDE, params={"id": id_})).one_or_none()


_SIDE = (
    select(CallLeg, Call)
    .join(Call, col(Call.id) == col(CallLeg.call_id))
    .where(CallLeg.id == bindparam("id"))
)


def next_try(tries: int, now: datetime) -> datetime | None:
    """When an order is tried again after so many tries; None for never."""
    if tries >= MOST_TRIES:
        return None
    return now + timedelta(seconds=PAUSE_SECONDS * 2 ** (tries - 1))


def _is_claimed(row: CallOrder, now: datetime) -> bool:
    """Whether somebody may be carrying it just now; one that is put off waits for nobody."""
    return row.failure is None and row.claimed_until is not None and row.claimed_until > now
