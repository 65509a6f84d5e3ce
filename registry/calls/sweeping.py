"""Calls, and operators' sides of them, that should have ended: the provider is asked, in case its
word was lost.

It is asked as well for calls that we have not heard of at all, which its fallback served while the
hub was away. The caller commits.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.ending import left_voice
from registry.calls.hearing import HowEnded, LegEnded, Past, Rang
from registry.calls.knowing import find_call, hold_call
from registry.calls.leaving import end_call, live_legs
from registry.calls.legs import leg_ended
from registry.calls.matters import CHANNEL
from registry.calls.tables import Call, CallLeg
from registry.calls.turns import LeftVoice
from registry.current_office import Office
from registry.models import Attachment

PAUSE = timedelta(seconds=60)
"""After which it is asked whether a call goes on still; and again."""
BATCH = 50

_LEFT, _MESSAGE = "left", "message"
"""What `Call.facts` say of whoever left a voicemail."""


class Doubtful(Struct, frozen=True, kw_only=True):
    """A call, or an operator's side of one, that may have ended."""

    account: str
    call: str
    """The provider's id."""
    incoming: bool
    leg: str | None = None
    """Our id of the operator's side; None for the citizen's."""


async def calls_to_ask_about(
    session: AsyncSession, *, now: datetime, limit: int = BATCH
) -> Sequence[Doubtful]:
    """Some that may be over unheard, each with who is on the line with them.

    Within a decision, so that none is asked about twice.
    """
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
    for call in found.all():
        call.swept_at = now
        asked = Doubtful(
            account=call.account, call=call.external_id or "", incoming=call.direction == "in"
        )
        doubtful += [
            asked,
            *(_side(leg) for leg in await live_legs(session, call.id) if _is_up(leg)),
        ]
    return doubtful


def _is_up(leg: CallLeg) -> bool:
    """What rings has an end of its own."""
    return leg.state == "joined" and leg.external_id is not None


def _side(leg: CallLeg) -> Doubtful:
    return Doubtful(
        account=leg.account, call=leg.external_id or "", incoming=False, leg=str(leg.id)
    )


async def without_known(
    session: AsyncSession, account: str, past: Sequence[Past]
) -> Sequence[Past]:
    """Those that we have not heard of, or not to their end, or whose voicemail we have not."""
    found = await session.exec(
        select(Call.external_id, Call.facts).where(
            Call.account == account,
            col(Call.external_id).in_([one.call for one in past]),
            col(Call.ended_at).is_not(None),
        )
    )
    has_message = {id_: facts.get(_LEFT) == _MESSAGE for id_, facts in found}
    return [
        one
        for one in past
        if one.call not in has_message or (one.recordings and not has_message[one.call])
    ]


async def known_talks(session: AsyncSession, account: str, since: datetime) -> Collection[str]:
    """The recordings of conversations that we have heard of since then, as the provider names them.

    Those that it still keeps are among them, or unheard of.
    """
    found = await session.exec(
        select(Attachment.ref).where(
            Attachment.channel == CHANNEL,
            Attachment.account == account,
            col(Attachment.call_id).is_not(None),
            col(Attachment.created_at) >= since,
        )
    )
    return {ref for ref in found if ref is not None}


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
    if past.how is None:
        return
    if past.recordings and call.facts.get(_LEFT) != _MESSAGE:
        voice = past.recordings[0]
        call.facts = {**call.facts, _LEFT: _MESSAGE, "voice": voice}
        await left_voice(session, call, LeftVoice(recording=voice), now=now)
    over = past.began_at + timedelta(seconds=past.seconds or 0)
    await end_call(session, call, past.how, at=min(now, max(over, call.started_at)), now=now)


async def apply_side(
    session: AsyncSession, doubtful: Doubtful, how: HowEnded, *, now: datetime
) -> None:
    """An operator's side is over. Within a decision."""
    heard = LegEnded(
        account=doubtful.account, call=doubtful.call, at=now, leg=doubtful.leg or "", how=how
    )
    await leg_ended(session, heard, now=now)


async def apply_unknown(session: AsyncSession, doubtful: Doubtful, *, now: datetime) -> None:
    """The provider knows no such call: it is over, however it ended. Within a decision."""
    if doubtful.leg is not None:
        await apply_side(session, doubtful, HowEnded.FAILED, now=now)
        return
    call = await find_call(session, doubtful.account, doubtful.call)
    if call is not None:
        await end_call(session, call, HowEnded.FAILED, now=now)
