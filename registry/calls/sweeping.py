"""Calls that should have ended: the provider is asked about them, in case its word was lost.

It is asked as well for calls that we have not heard of at all, which its fallback served while the
hub was away. The caller commits.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.hearing import HowEnded, Past, Rang
from registry.calls.knowing import find_call, hold_call
from registry.calls.leaving import end_call
from registry.calls.tables import Call
from registry.current_office import Office

PAUSE = timedelta(seconds=60)
"""After which it is asked whether a call goes on still; and again."""
BATCH = 50


class Doubtful(Struct, frozen=True, kw_only=True):
    """A call that may have ended."""

    account: str
    call: str
    """The provider's id."""


async def calls_to_ask_about(
    session: AsyncSession, *, now: datetime, limit: int = BATCH
) -> Sequence[Doubtful]:
    """Some that may be over unheard. Within a decision, so that none is asked about twice."""
    last = func.coalesce(col(Call.swept_at), col(Call.started_at))
    found = await session.exec(
        select(Call)
        .where(
            col(Call.ended_at).is_(None), col(Call.external_id).is_not(None), last <= now - PAUSE
        )
        .order_by(last)
        .limit(limit)
    )
    doubtful = []
    for call in found:
        call.swept_at = now
        doubtful.append(Doubtful(account=call.account, call=call.external_id or ""))
    return doubtful


async def apply_past(
    session: AsyncSession, account: str, past: Past, *, office: Office, now: datetime
) -> None:
    """Take in what the provider remembers of a call; of one that goes on, nothing changes.

    Within a decision.
    """
    began = Rang(
        account=account, call=past.call, at=past.began_at, number=past.number, ours=past.ours
    )
    call = await hold_call(session, began, office=office)
    if past.how is None or call.ended_at is not None:
        return
    if past.recordings:
        call.facts = {**call.facts, "left": "message"}
    await end_call(session, call, past.how, now=now)
    over = past.began_at + timedelta(seconds=past.seconds or 0)
    call.ended_at = min(now, max(over, call.started_at))


async def apply_unknown(session: AsyncSession, doubtful: Doubtful, *, now: datetime) -> None:
    """The provider knows no such call: it is over, however it ended. Within a decision."""
    call = await find_call(session, doubtful.account, doubtful.call)
    if call is not None:
        await end_call(session, call, HowEnded.FAILED, now=now)
