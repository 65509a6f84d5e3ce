"""Call-backs: who is to be called, and until when; one of a number, however often it rang.

Two who write down the same number at once write one row: the unique key holds them to it. The
caller holds the switchboard's lock, and commits.
"""

from datetime import datetime, timedelta

from sqlalchemy import Boolean, bindparam, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from registry.calls.locking import tell_screens
from registry.calls.matters import appeal_id_of
from registry.calls.tables import Call, CallBack
from registry.columns import Id, UtcTime
from registry.current_office import office_of
from registry.ids import new_id
from registry.inbox.rows import fetch
from registry.journal import record
from registry.office import get_setting
from registry.office_calendar import next_opening
from registry.office_shapes import Telephone
from registry.operators import Principal

ASKED, MISSED, MESSAGE, CLOSED = "asked", "missed", "message", "closed"
"""Why somebody is to be called."""

SPOKEN, CANCELLED, GIVEN_UP = "spoken", "cancelled", "given_up"
"""What became of it."""

OVERDUE = timedelta(minutes=30)
"""A call-back is overdue that should have been made so long ago."""


# --- Somebody is to be called ---------------------------------------------------------------------


async def want_call_back(
    session: AsyncSession, call: Call, *, keeps_place: bool, now: datetime
) -> None:
    """They pressed for it: at once, with the place that they have, or at the next opening.

    A withheld number cannot be called.
    """
    if keeps_place:
        place, due_at = call.waiting_since or now, now
    else:
        place = due_at = await opening(session, now)
    await _write_down(session, call, ASKED, place=place, due_at=due_at, now=now)


async def missed(
    session: AsyncSession, call: Call, why: str, *, now: datetime, again: bool = True
) -> None:
    """They did not reach us: a task for the next opening. `again`: they have rung for it."""
    due_at = await opening(session, now)
    await _write_down(session, call, why, place=None, due_at=due_at, now=now, rang=int(again))


async def opening(session: AsyncSession, moment: datetime) -> datetime:
    """The moment itself while the contact centre is open, or when it opens next."""
    office = await office_of(session)
    return moment if office is None else next_opening(office.calendar, moment)


async def _write_down(
    session: AsyncSession,
    call: Call,
    why: str,
    *,
    place: datetime | None,
    due_at: datetime,
    now: datetime,
    rang: int = 1,
) -> None:
    if not call.number:
        return
    await session.flush()
    connection = await session.connection()
    await connection.execute(
        _WRITE_DOWN,
        {
            "id": new_id(),
            "account": call.account,
            "number": call.number,
            "appeal_id": await appeal_id_of(session, call),
            "why": why,
            "language": call.language,
            "team": call.team,
            "urgent": call.urgent,
            "place": place,
            "rang": rang,
            "now": now,
            "due_at": due_at,
        },
    )


_WRITE_DOWN = text(
    """
    INSERT INTO call_backs
      (id, account, number, appeal_id, why, language, team, urgent, place, asked_at, due_at)
    VALUES
      (:id, :account, :number, :appeal_id, :why, :language, :team, :urgent, :place, :now, :due_at)
    ON CONFLICT (number) WHERE done_at IS NULL DO UPDATE SET
      account = excluded.account,
      appeal_id = coalesce(excluded.appeal_id, call_backs.appeal_id),
      why = CASE
        WHEN 'asked' IN (excluded.why, call_backs.why) THEN 'asked'
        WHEN 'message' IN (excluded.why, call_backs.why) THEN 'message'
        ELSE excluded.why END,
      language = coalesce(excluded.language, call_backs.language),
      team = coalesce(excluded.team, call_backs.team),
      urgent = excluded.urgent OR call_backs.urgent,
      place = CASE WHEN excluded.place < call_backs.place THEN excluded.place
        ELSE coalesce(call_backs.place, excluded.place) END,
      due_at = CASE WHEN excluded.due_at < call_backs.due_at THEN excluded.due_at
        ELSE call_backs.due_at END,
      rang = call_backs.rang + :rang,
      tries = 0
    """
).bindparams(
    bindparam("id", type_=Id),
    bindparam("appeal_id", type_=Id),
    bindparam("urgent", type_=Boolean()),
    bindparam("place", type_=UtcTime()),
    bindparam("now", type_=UtcTime()),
    bindparam("due_at", type_=UtcTime()),
)
"""One row a number: the earliest place and time stand, and what was asked for before what was
missed. Whoever rings again can be reached: the tries begin anew."""


# --- Until it is done -----------------------------------------------------------------------------


async def place_of(session: AsyncSession, call: Call) -> datetime | None:
    """Since when a caller waits already who is to be called back."""
    if not call.number:
        return None
    found = await fetch(session, _PLACE, {"number": call.number})
    return found[0].place if found else None


_PLACE = select(CallBack.place).where(
    CallBack.number == bindparam("number"), col(CallBack.done_at).is_(None)
)


async def spoken(
    session: AsyncSession, number: str, *, operator_id: int | None, now: datetime
) -> None:
    """Somebody talked with them, whoever called whom: nobody is to be called any more."""
    if number:
        connection = await session.connection()
        await connection.execute(_SPOKEN, {"of": number, "by": operator_id, "now": now})


_SPOKEN = (
    update(CallBack)
    .where(col(CallBack.number) == bindparam("of"), col(CallBack.done_at).is_(None))
    .values(done_at=bindparam("now"), done_as=SPOKEN, done_by=bindparam("by"))
)


async def tried(session: AsyncSession, call: Call, *, now: datetime) -> None:
    """We called, and nobody was there: again after a pause, within the hours, or never."""
    back = await _carried_out_by(session, call)
    if back is None:
        return
    telephone = await get_setting(session, Telephone)
    back.tries, back.call_id = back.tries + 1, None
    if back.tries >= telephone.call_back_tries:
        back.done_at, back.done_as = now, GIVEN_UP
        await _tell(session, back, "call_back.given_up", actor="system", now=now)
        return
    pause = timedelta(minutes=telephone.call_back_pause_minutes)
    back.due_at = await opening(session, now + pause)


async def put_back(session: AsyncSession, call: Call) -> None:
    """It came to no try: the citizen's phone has not rung."""
    back = await _carried_out_by(session, call)
    if back is not None:
        back.call_id = None


async def cancel(session: AsyncSession, back: CallBack, *, by: Principal, now: datetime) -> None:
    """Nobody is to be called after all."""
    back.done_at, back.done_as, back.done_by = now, CANCELLED, by.operator_id
    await _tell(session, back, "call_back.cancelled", actor=by.actor, now=now)
    await tell_screens(session)


async def _carried_out_by(session: AsyncSession, call: Call) -> CallBack | None:
    """The call-back that the call carries out, if it is still to be done."""
    if call.call_back_id is None:
        return None
    back = await session.get(CallBack, call.call_back_id, populate_existing=True)
    meant = back is not None and back.done_at is None and back.call_id in {None, call.id}
    return back if meant else None


async def _tell(
    session: AsyncSession, back: CallBack, event: str, *, actor: str, now: datetime
) -> None:
    data = {"call_back": str(back.id), "tries": back.tries}
    record(session, event, actor=actor, now=now, appeal_id=back.appeal_id, data=data)
